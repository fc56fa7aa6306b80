"""Time of this machine."""

import asyncio
import time


class SystemClock:
    """The wall clock, and a monotonic one for deadlines."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def now_seconds(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
