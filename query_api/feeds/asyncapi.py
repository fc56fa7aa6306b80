"""asyncapi.json, made from what the feeds tell and take (AsyncAPI 3.0)."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from query_api.commands.control import ControlledAccount, ControlledBook
from query_api.feeds import rpc, told
from query_api.feeds.access import RIGHTS
from query_api.feeds.connection import CONTROLS, METHODS, Close
from query_api.feeds.positions import Kind
from query_api.version import VERSION

PATHS: Mapping[str, Kind] = {
    "/ws/orders/{user_id}": "orders",
    "/ws/telemetry/{cluster_id}": "telemetry",
    "/ws/pricing": "pricing",
    "/ws/market/{book_id}": "market",
    "/ws/admin/control": "admin",
}
_MEANINGS: Mapping[Kind, str] = {
    "orders": "An account's orders",
    "telemetry": "Health and readings of a cluster's nodes",
    "pricing": "Prices of all GPU types",
    "market": "A book: depth, trades, status",
    "admin": "The system's state, and controls",
}
_PARAMETERS = {
    "user_id": "the key's own account, or me",
    "cluster_id": "a cluster of the key's own account",
    "book_id": "{gpu_type}.{product}",
}
_PARAMS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "authenticate": (("key",), ("cursor",)),
    "ping": ((), ()),
    "resume": (("cursor",), ()),
    "subscribe": ((), ()),
    "unsubscribe": ((), ()),
    "halt_book": (("book_id",), ()),
    "resume_book": (("book_id",), ()),
    "suspend_account": (("account_id",), ()),
    "resume_account": (("account_id",), ()),
}
"""The params of each method that must and that may be there; all are text."""
_RESULTS: Mapping[str, Any] = {
    "authenticate": {
        "type": "object",
        "required": ["account_id", "channel", "resumed", "heartbeat_seconds"],
        "properties": {
            "account_id": {"type": "string", "format": "uuid"},
            "channel": {"type": "string"},
            "resumed": {"type": "boolean"},
            "heartbeat_seconds": {"type": "number"},
        },
    },
    "ping": {
        "type": "object",
        "required": ["at"],
        "properties": {"at": {"type": "string", "format": "date-time"}},
    },
    "unsubscribe": {
        "type": "object",
        "required": ["subscribed"],
        "properties": {"subscribed": {"const": False}},
    },
}
_SUBSCRIBED = {
    "type": "object",
    "required": ["subscribed", "resumed"],
    "properties": {"subscribed": {"const": True}, "resumed": {"type": "boolean"}},
}
_ID = {"oneOf": [{"type": "string", "maxLength": rpc.MAX_ID}, {"type": "integer"}]}
_CURSOR = {"type": "string", "description": "opaque: where to resume from"}


def document() -> dict[str, Any]:
    """The AsyncAPI 3.0 document of the feeds."""
    schemas: dict[str, Any] = {}
    messages: dict[str, Any] = {"error": _error()}
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for path, kind in PATHS.items():
        told_here = {**told.SNAPSHOTS[kind], **told.CHANGES[kind], **told.ALWAYS}
        methods = [*METHODS, *(CONTROLS if kind == "admin" else ())]
        for name, shape in told_here.items():
            messages[name] = _notification(name, shape, schemas)
        for name in methods:
            messages[f"{name}.request"] = _request(name)
            messages[f"{name}.result"] = _answer(name, schemas)
        sent = [f"{name}.request" for name in methods]
        received = [*told_here, *(f"{name}.result" for name in methods), "error"]
        channels[kind] = _channel(path, kind, [*sent, *received])
        operations[f"{kind}.listen"] = _operation("send", kind, received)
        operations[f"{kind}.ask"] = _operation("receive", kind, sent)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "GPUBroker feeds",
            "version": VERSION,
            "description": "What happens in the market, as it happens: JSON-RPC 2.0 in text"
            " frames. See docs/feeds.md for connecting, resuming and closing.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {
            "schemas": schemas,
            "messages": messages,
            "securitySchemes": {
                "key": {
                    "type": "httpApiKey",
                    "name": "Sec-WebSocket-Protocol",
                    "in": "header",
                    "description": "gpubroker.v1, bearer.KEY; or the method authenticate",
                }
            },
        },
    }


def _channel(path: str, kind: Kind, names: list[str]) -> dict[str, Any]:
    rights = RIGHTS[kind]
    needed = f"scope {rights.scope}" + (f" and role {rights.role}" if rights.role else "")
    parameters = {
        name: {"description": meaning}
        for name, meaning in _PARAMETERS.items()
        if f"{{{name}}}" in path
    }
    return {
        "address": path,
        "description": f"{_MEANINGS[kind]}. Needs {needed}.",
        "parameters": parameters,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0", "query": {
            "type": "object", "properties": {"cursor": _CURSOR}}}},
        "x-close-codes": {str(code.value): code.name.lower() for code in Close},
    }  # fmt: skip


def _operation(action: str, kind: Kind, names: list[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{kind}"},
        "messages": [{"$ref": f"#/channels/{kind}/messages/{name}"} for name in names],
    }


def _notification(name: str, shape: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    schema = TypeAdapter(shape).json_schema(
        mode="serialization", ref_template="#/components/schemas/{model}"
    )
    schemas.update(schema.pop("$defs", {}))
    if name not in told.WITHOUT_CURSOR:
        schema["properties"] = {**schema["properties"], "cursor": _CURSOR}
        schema["required"] = [*schema.get("required", ()), "cursor"]
    schemas[f"{shape.__name__}Params"] = schema
    params = {"$ref": f"#/components/schemas/{shape.__name__}Params"}
    return _message(name, shape.__doc__ or "", {"method": {"const": name}, "params": params})


def _request(name: str) -> dict[str, Any]:
    needed, optional = _PARAMS[name]
    params = {
        "type": "object",
        "additionalProperties": False,
        "required": list(needed),
        "properties": {each: {"type": "string"} for each in (*needed, *optional)},
    }
    doc = (METHODS.get(name) or CONTROLS[name]).__doc__ or ""
    fields = {"id": _ID, "method": {"const": name}, "params": params}
    return _message(f"{name}.request", doc, fields, optional=() if needed else ("params",))


def _answer(name: str, schemas: dict[str, Any]) -> dict[str, Any]:
    if name in CONTROLS:
        shape: Any = ControlledBook if name.endswith("_book") else ControlledAccount
        schemas[shape.__name__] = TypeAdapter(shape).json_schema(mode="serialization")
        result: Any = {"$ref": f"#/components/schemas/{shape.__name__}"}
    else:
        result = _RESULTS.get(name, _SUBSCRIBED)
    return _message(f"{name}.result", f"The answer to {name}.", {"id": _ID, "result": result})


def _error() -> dict[str, Any]:
    error = {
        "type": "object",
        "required": ["code", "message", "data"],
        "properties": {
            "code": {"enum": sorted(set(rpc.CODES.values()))},
            "message": {"type": "string"},
            "data": {
                "type": "object",
                "required": ["code", "errors"],
                "properties": {"code": {"enum": sorted(rpc.CODES)}, "errors": {"type": "array"}},
            },
        },
    }
    any_id = {"oneOf": [*_ID["oneOf"], {"type": "null"}]}
    return _message("error", "A request is refused.", {"id": any_id, "error": error})


def _message(
    name: str, summary: str, fields: Mapping[str, Any], optional: tuple[str, ...] = ()
) -> dict[str, Any]:
    properties = {"jsonrpc": {"const": rpc.VERSION}, **fields}
    payload = {
        "type": "object",
        "required": [each for each in properties if each not in optional],
        "properties": properties,
        "additionalProperties": False,
    }
    return {"name": name, "summary": summary, "payload": payload}
