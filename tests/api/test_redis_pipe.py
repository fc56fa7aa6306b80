"""The pipe to Redis: how many connections it makes."""

import asyncio

from redis.asyncio import Redis

from query_api.adapters.redis_pipe import Pipe, pack


async def test_who_asks_while_the_connection_is_made_shares_it(tmp_path):
    """One caller in each turn of the event loop, until some time after it is made."""
    connections, path = [], str(tmp_path / "redis")

    async def answer(reader, writer):
        connections.append(writer)
        while line := await reader.readline():
            writer.write(b"+PONG\r\n" * (line == b"PING\r\n"))

    async with await asyncio.start_unix_server(answer, path):
        pipe = Pipe(Redis(unix_socket_path=path), 5.0)
        asked = []
        while len(asked) < 3 or not asked[0].done():
            asked.append(asyncio.create_task(pipe.ask(pack("PING"))))
            await asyncio.sleep(0)
        assert set(await asyncio.gather(*asked)) == {"PONG"}
        assert len(connections) == 1
        await pipe.aclose()
        for writer in connections:
            writer.close()
