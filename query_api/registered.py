"""The answer to a registration: given once the relay has put it into its account's log."""

from collections.abc import Mapping
from typing import Any

from query_api.endpoint import Answer
from query_api.ports import Ports, Registered

ANSWER_SECONDS = 2.0
"""How long an answer waits for the relay."""


async def answer(ports: Ports, registered: Registered, status: int, body: Any,
                 headers: Mapping[str, str] | None = None) -> Answer:  # fmt: skip
    """The answer with this status, or 202 if the relay is not that far yet."""
    in_log = await is_in_log(ports, registered, ANSWER_SECONDS)
    return Answer(status if in_log else 202, body, headers or {})


async def is_in_log(ports: Ports, registered: Registered, seconds: float) -> bool:
    """Wait at most so long for the relay; whether the log has it."""
    deadline = ports.clock.now_seconds() + seconds
    delay = 0.005
    while not await ports.registrations.is_appended(registered):
        if ports.clock.now_seconds() + delay > deadline:
            return False
        await ports.clock.sleep(delay)
        delay = min(delay * 1.5, 0.05)
    return True
