"""Ten thousand connections to the feeds: their cost, how soon all are told, who feels whom.

    python -m tests.bench.feeds [--connections 10000] [--rounds 20] [--write PAGE]
    python -m tests.bench.feeds --implementations

The feeds run on ports in memory, in a process of their own; their clients are in another, on the
same machine. Beside them, on the same sockets: a bare ASGI application that sends the same message
to one connection after the other, the library's own server with `websockets.broadcast`, and, for
memory alone, the framework's WebSockets. Nobody sends heartbeats or pings while it is measured.
Times are from before the update is told until the client has its last byte.
"""

import argparse
import asyncio
import json
import math
import multiprocessing
import resource
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import uvloop

from query_api.feeds import frames
from query_api.feeds.serving import open_as_many_files_as_may_be
from stack import ports
from tests.bench import feeds_servers
from tests.bench.report import machine, write

HOST = "127.0.0.1"
AT_ONCE = 200
"""Connections that are opened at the same time."""
STOPPED = 100
ASKERS = 100
SIZE = len(frames.text(feeds_servers.message()))
START, END = "<!-- bench-feeds:start -->", "<!-- bench-feeds:end -->"


class Client(asyncio.Protocol):
    """A connection that counts what comes."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.bytes = 0
        self.last_at = 0.0
        self.goal = 0
        self.is_gone = False
        self.reached: asyncio.Future[None] | None = None
        self.first = b""
        self.look: Callable[[bytes], object] | None = None
        """Shown what comes."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        self.first = self.first or data
        self.last_at = time.monotonic()
        if self.look is not None:
            self.look(data)
        if self.reached is not None and self.bytes >= self.goal:
            reached, self.reached = self.reached, None
            reached.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_gone = True
        if self.reached is not None:
            reached, self.reached = self.reached, None
            reached.set_result(None)

    def expect(self, count: int) -> "asyncio.Future[None]":
        """Done when so many more bytes have come."""
        self.goal = self.bytes + count
        self.reached = asyncio.get_running_loop().create_future()
        return self.reached


class Server:
    """One of the servers, and what it is told to do."""

    def __init__(self, name: str, port: int) -> None:
        self.port = port
        command = [sys.executable, "-m", "tests.bench.feeds_servers", name, str(port)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    async def answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(await asyncio.to_thread(self._process.stdout.readline))

    async def do(self, what: str, **more: Any) -> Any:
        """Have it do something, and what it answers."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self._process.stdin.flush()
        return await self.answer()

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()


@asynccontextmanager
async def serving(name: str) -> AsyncIterator[Server]:
    """A server that is ready."""
    (port,) = ports.free(HOST, 1)
    server = Server(name, port)
    try:
        assert await server.answer() == "ready"
        await asyncio.sleep(1.0)
        yield server
    finally:
        server.end()


async def connect(server: Server, path: str, key: str, *, narrow: bool = False) -> Client:
    """A connection that has its first message, if the server tells one at once."""
    made = socket.socket()
    made.setblocking(False)
    if narrow:  # who does not read is felt sooner
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(made, (HOST, server.port))
    _, client = await loop.create_connection(Client, sock=made)
    told = client.expect(1)
    client.transport.write(
        f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: gpubroker.v1, bearer.{key}\r\n\r\n".encode()
    )
    await asyncio.wait_for(told, 60)
    assert client.first.startswith(b"HTTP/1.1 101"), client.first[:200]
    return client


async def connect_all(
    server: Server, paths: Sequence[tuple[str, str]], narrow: int = 0
) -> list[Client]:
    """A connection to each path with its key; the first so many have small buffers."""
    clients: list[Client] = []
    for at in range(0, len(paths), AT_ONCE):
        some = paths[at : at + AT_ONCE]
        clients += await asyncio.gather(
            *(
                connect(server, path, key, narrow=at + place < narrow)
                for place, (path, key) in enumerate(some)
            )
        )
    await asyncio.sleep(2.0)
    return clients


async def tell_all(
    server: Server, clients: Sequence[Client], size: int, count: int = 1
) -> list[float]:
    """Have an update told to all; after how many ms each of them had it."""
    waiting = [client.expect(size * count) for client in clients]
    began = (await server.do("publish", count=count))["began"]
    await asyncio.wait_for(asyncio.gather(*waiting), 60)
    return sorted(1000 * (client.last_at - began) for client in clients if not client.is_gone)


@dataclass
class Joined:
    """A server with all its connections."""

    server: Server
    clients: list[Client]
    kib: float
    """What each connection takes."""
    size: int
    """Bytes of an update."""
    whole: list[float] = field(default_factory=list)
    """Of each round, how long until all had the update, ms."""
    every: list[float] = field(default_factory=list)
    """How long until each client had it, ms."""

    async def round(self) -> None:
        took = await tell_all(self.server, self.clients, self.size)
        self.whole.append(took[-1])
        self.every += took

    async def told(self) -> dict[str, float]:
        return {"kib": self.kib, **told_of(self.whole, sorted(self.every))}


@asynccontextmanager
async def joined(name: str, count: int, narrow: int = 0) -> AsyncIterator[Joined]:
    """A server of this name, with so many connections."""
    async with serving(name) as server:
        key = (await server.do("keys"))[0] if name == "feeds" else "none"
        before = await server.do("memory")
        clients = await connect_all(server, [("/ws/pricing", key)] * count, narrow)
        after = await server.do("memory")
        is_ours = name == "feeds"
        size = await size_of_update(server, clients) if is_ours else SIZE
        yield Joined(server, clients, (after - before) / count / 1024, size)
        for client in clients:
            client.transport.abort()


def side_by_side(count: int, many: int) -> dict[str, Any]:
    """The feeds and what they are compared with, in turns: what disturbs one disturbs all."""
    names = ("bare", "feeds", "broadcast")
    crowds = {name: Crowd(name, count) for name in names}
    for _ in range(many):
        for name in names:
            crowds[name].do("round")
    found = {name: crowds[name].do("told") for name in names}
    found["feeds"] |= crowds["feeds"].do("requests") | crowds["feeds"].do("stopped", many)
    for crowd in crowds.values():
        crowd.do("end")
    return found


class Crowd:
    """A server's clients, in a process of their own: one may not open files enough for all."""

    def __init__(self, name: str, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=crowd_in, args=(name, count, theirs), daemon=True)
        self._process.start()
        assert self._pipe.recv() == "ready"

    def do(self, what: str, *more: Any) -> Any:
        self._pipe.send((what, more))
        return self._pipe.recv()


def crowd_in(name: str, count: int, pipe: Any) -> None:
    """What the process of a crowd does."""
    open_as_many_files_as_may_be()
    uvloop.run(obey(name, count, pipe))


async def obey(name: str, count: int, pipe: Any) -> None:
    """Do as the pipe says until it says end."""
    narrow = STOPPED if name == "feeds" else 0
    async with joined(name, count, narrow) as each:
        does = {
            "round": each.round,
            "told": each.told,
            "requests": lambda: requests(each),
            "stopped": lambda many: stopped(each, many),
        }
        pipe.send("ready")
        while (asked := await asyncio.to_thread(pipe.recv))[0] != "end":
            pipe.send(await does[asked[0]](*asked[1]))
    pipe.send("ended")


async def requests(feeds: Joined) -> dict[str, float]:
    """Round trips while nothing else is told, and while all are told something."""
    quiet = await ask(feeds.clients, 10.0)
    telling = asyncio.create_task(tell_for_ever(feeds.server))
    busy = await ask(feeds.clients, 10.0)
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    await asyncio.sleep(2.0)
    return {
        f"{name}_p{percent}": percentile(took, percent)
        for name, took in (("ping", quiet), ("busy", busy))
        for percent in (50, 95)
    }


async def stopped(feeds: Joined, many: int) -> dict[str, float]:
    """What others feel of clients that do not read, and what becomes of these."""
    others = feeds.clients[STOPPED:]
    usual: list[float] = []
    beside: list[float] = []
    for _ in range(many):  # in turns, as above: they read, and then they do not
        usual += await tell_all(feeds.server, others, feeds.size)
        for client in feeds.clients[:STOPPED]:
            client.transport.pause_reading()
        for _ in range(3):
            beside += await tell_all(feeds.server, others, feeds.size)
        for client in feeds.clients[:STOPPED]:
            client.transport.resume_reading()
        await asyncio.sleep(1.0)  # they catch up
    for client in feeds.clients[:STOPPED]:
        client.transport.pause_reading()
    parting: list[float] = []
    for _ in range(200):
        counted = await feeds.server.do("counts")
        if counted["too_slow"] >= STOPPED:
            break
        parting += await tell_all(feeds.server, others, feeds.size, 10)
    return {
        "usual_p99": percentile(sorted(usual), 99),
        "beside_p99": percentile(sorted(beside), 99),
        "parted": counted["too_slow"],
    }


async def simple(name: str, count: int, many: int) -> dict[str, Any]:
    """What a server does that only sends."""
    async with joined(name, count) as each:
        for _ in range(many):
            await each.round()
            await asyncio.sleep(0.05)
        return await each.told()


async def memory_of(name: str, count: int) -> float:
    """KiB that a connection takes in a server."""
    async with joined(name, count) as each:
        return each.kib


async def spread(count: int) -> dict[str, Any]:
    """1,000 updates a second, spread over the channels of 1,000 accounts."""
    async with serving("feeds") as server:
        keys = await server.do("keys")
        paths = [("/ws/orders/me", keys[number % len(keys)]) for number in range(count)]
        clients = await connect_all(server, paths)
        began = [client.bytes for client in clients]
        seconds = 10
        delays: list[float] = []
        watch(clients, delays)
        told = await server.do("orders", rate=1_000, count=1_000 * seconds)
        await asyncio.sleep(1.0)
        silent = sum(client.bytes == before for client, before in zip(clients, began, strict=True))
        for client in clients:
            client.transport.abort()
    delays.sort()
    return {
        "silent": silent,
        "seconds": told["seconds"],
        "messages": len(delays),
        **{f"p{each}": percentile(delays, each) for each in (50, 95, 99)},
    }


def watch(clients: Sequence[Client], delays: list[float]) -> None:
    """Note when what each client is told was told; a fact's time is in milliseconds."""

    def note(data: bytes) -> None:
        now_ms = time.time_ns() / 1e6
        for part in data.split(b'"updated_at":"')[1:]:
            at = part[:24].decode()
            delays.append(now_ms - 1000 * parsed(at))

    for client in clients:
        client.look = note


def parsed(at: str) -> float:
    return datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()


async def size_of_update(server: Server, clients: Sequence[Client]) -> int:
    """How many bytes an update has: its cursor is as long as its offsets are."""
    first = clients[-1]
    await server.do("publish", count=130)  # until the offset has two bytes
    await asyncio.sleep(5.0)
    before = first.bytes
    await tell_all(server, clients, 1)
    await asyncio.sleep(2.0)
    return first.bytes - before


async def tell_for_ever(server: Server) -> None:
    while True:
        await server.do("publish", count=1)
        await asyncio.sleep(0.5)


async def ask(clients: Sequence[Client], seconds: float) -> list[float]:
    """Round trips of requests, ms: some clients ask, two requests a second each."""
    request = json.dumps({"jsonrpc": "2.0", "id": "bench", "method": "ping"}).encode()
    masked = bytes((0x81, 0x80 | len(request), 0, 0, 0, 0)) + request
    ends = time.monotonic() + seconds
    took: list[float] = []

    async def ask_again(client: Client, place: int) -> None:
        await asyncio.sleep(place / ASKERS / 2)
        while time.monotonic() < ends:
            began = time.monotonic()
            answered = answer_of(client)
            client.transport.write(masked)
            await asyncio.wait_for(answered, 30)
            took.append(1000 * (time.monotonic() - began))
            await asyncio.sleep(0.5)

    askers = clients[STOPPED : STOPPED + ASKERS]
    await asyncio.gather(*(ask_again(client, place) for place, client in enumerate(askers)))
    return sorted(took)


def answer_of(client: Client) -> "asyncio.Future[None]":
    """Done when the answer to a request has come, whatever comes before."""
    answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def look(data: bytes) -> None:
        if b'"id":"bench"' in data and not answered.done():
            answered.set_result(None)

    client.look = look
    return answered


def told_of(whole: Sequence[float], every: Sequence[float]) -> dict[str, float]:
    return {
        "all_ms": statistics.median(whole),
        "worst_ms": max(whole),
        "p50": percentile(every, 50),
        "p99": percentile(every, 99),
    }


def percentile(ordered: Sequence[float], percent: float) -> float:
    return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * percent / 100) - 1)]


def report(count: int, many: int, found: dict[str, Any]) -> str:
    feeds, bare, library, quart, wide = (
        found[name] for name in ("feeds", "bare", "broadcast", "quart", "spread")
    )
    rows = "\n".join(
        f"| {name} | {each['all_ms']:.0f} | {each['worst_ms']:.0f} | {each['p50']:.0f} |"
        f" {each['p99']:.0f} | {each['kib']:.1f} |"
        for name, each in (
            ("feeds", feeds),
            ("bare loop of ASGI sends", bare),
            ("`websockets.broadcast`", library),
        )
    )
    return f"""\
{machine()}.

{count:,} connections to each server, one update of {SIZE} bytes to all of them, {many} rounds in
turns; ms from telling it until the client has it.

| server | median until all have it | worst | p50 of clients | p99 of clients | KiB a connection |
|---|---|---|---|---|---|
{rows}
| Quart's WebSockets, holding only | | | | | {quart:.1f} |

- One update to all: {feeds["all_ms"] / bare["all_ms"]:.2f} times the bare loop (aim: 3).
- Memory above a bare socket: {feeds["kib"] - bare["kib"]:.1f} KiB a connection (aim: 20); the
  framework's WebSockets would add {quart - bare["kib"]:.1f} KiB before anything is subscribed.
- Round trip of a request, nothing else told: p50 {feeds["ping_p50"]:.1f} ms, p95
  {feeds["ping_p95"]:.1f} ms (aim: 50); with an update to all twice a second: p50
  {feeds["busy_p50"]:.1f} ms, p95 {feeds["busy_p95"]:.1f} ms.
- {STOPPED} clients that stop reading: the others' p99 is {feeds["beside_p99"]:.0f} ms, without them
  {feeds["usual_p99"]:.0f} ms: {feeds["beside_p99"] / feeds["usual_p99"]:.2f} times (aim: 1.2); all
  {feeds["parted"]} were told and closed in the end.
- 1,000 updates a second of orders, spread over the channels of {feeds_servers.ACCOUNTS:,} accounts
  with {count // feeds_servers.ACCOUNTS} connections each: {wide["messages"]:,} messages in
  {wide["seconds"]:.1f} s, from the fact's millisecond to the client p50 {wide["p50"]:.1f} ms, p95
  {wide["p95"]:.1f} ms, p99 {wide["p99"]:.1f} ms; {wide["silent"]} connections were told nothing."""


async def compare(count: int, many: int) -> None:
    """What uvicorn's implementations of WebSockets do with a bare loop of sends."""
    for name in ("sansio", "wsproto", "legacy"):
        told = await simple(name, count, many)
        print(f"{name}: all told in {told['all_ms']:.0f} ms, {told['kib']:.1f} KiB a connection")


async def main(asked: argparse.Namespace) -> None:
    count, many = asked.connections, asked.rounds
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft > count + 100, f"only {soft} files may be open"
    if asked.implementations:
        await compare(count, many)
        return
    found: dict[str, Any] = {}
    found |= await asyncio.to_thread(side_by_side, count, many)
    found["quart"] = await memory_of("quart", count)
    found["spread"] = await spread(count)
    text = report(count, many, found)
    print(text)
    if asked.write:
        write(asked.write, text, (START, END), "Feeds")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.feeds", description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument(
        "--implementations", action="store_true", help="compare those that uvicorn has, alone"
    )
    parser.add_argument("--write", type=Path, help="page whose marked section to renew")
    return parser.parse_args()


if __name__ == "__main__":
    open_as_many_files_as_may_be()
    uvloop.run(main(parse()))
