"""What tells a story: commands that are run, and answers that are waited for."""

import time
from collections.abc import Callable
from typing import Any

SECONDS = 20.0

Run = Callable[..., Any]


def eventually(look: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """The first answer that is not empty, looked for until a deadline."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.1)
    return found
