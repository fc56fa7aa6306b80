"""WebSocket frames as a server sends them (RFC 6455, 5.2): the same bytes for every connection.

A server masks nothing, so a message is encoded once however many are to have it.
"""

import struct

_TEXT = 0x81
"""The only frame of a text message."""
_SHORT, _MEDIUM = 125, 0xFFFF


def text(message: bytes) -> bytes:
    """The frame of a message in UTF-8."""
    size = len(message)
    if size <= _SHORT:
        head = struct.pack("!BB", _TEXT, size)
    elif size <= _MEDIUM:
        head = struct.pack("!BBH", _TEXT, 126, size)
    else:
        head = struct.pack("!BBQ", _TEXT, 127, size)
    return head + message
