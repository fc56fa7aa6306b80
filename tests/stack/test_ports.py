"""Ports for a second stack: free, each once, and not the system's to give away."""

import socket
from pathlib import Path
from unittest import mock

import pytest

from schemas.settings import Settings
from stack import ports

pytestmark = pytest.mark.stack

HOST = "127.0.0.1"


def test_a_second_stack_has_ports_of_its_own(tmp_path: Path) -> None:
    own = ports.on_free_ports(Settings({}), tmp_path)
    numbers = [own.port(name) for name in ports.SETTINGS]
    assert len(set(numbers)) == len(ports.SETTINGS)
    assert not set(numbers) & {Settings({}).port(name) for name in ports.SETTINGS}


def test_no_port_is_lent_that_the_system_may_give_to_anybody_meanwhile() -> None:
    with socket.socket() as any_port:
        any_port.bind((HOST, 0))
        assert any_port.getsockname()[1] not in ports.LENT
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(ports.LENT) < first


def test_a_port_that_is_taken_or_promised_is_not_lent() -> None:
    (one,) = ports.free(HOST, 1)
    with mock.patch.object(ports, "LENT", [one]):
        with pytest.raises(ports.PortTaken, match="1 free ports are needed, 0 are left"):
            ports.free(HOST, 1, besides=[one])
        with socket.socket() as server:
            server.bind((HOST, one))
            server.listen()
            with pytest.raises(ports.PortTaken):
                ports.free(HOST, 1)
