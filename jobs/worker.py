"""A thread that a service is none without: whoever runs the service learns that it ended."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable


class Worker(threading.Thread, ABC):
    """Does its work until it is told to stop, or fails; then `failure` tells why."""

    def __init__(self, name: str, ended: Callable[[], None]) -> None:
        """Make the thread; it calls `ended` when it ends, whatever the reason."""
        super().__init__(name=name)
        self.failure: BaseException | None = None
        self._ended = ended
        self._stopping = threading.Event()

    @abstractmethod
    def work(self) -> None:
        """What it does until `_stopping` is set."""

    def run(self) -> None:
        try:
            self.work()
        except BaseException as error:
            self.failure = error
        finally:
            self._ended()

    def stop(self) -> None:
        """End once what is at hand is done."""
        self._stopping.set()
        self.join()
