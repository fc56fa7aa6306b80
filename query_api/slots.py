"""Which slots of which GPUs have a reading, so that there is at most one every five seconds.

What is remembered is a page an hour for each GPU: for each of its slots two bytes, 0 for a free
one, else the millisecond of the reading that has it. So a repeat of that reading is told from
another one, exactly, for the 24 hours that a reading may be late. A page is 1,440 bytes.
"""

from array import array
from collections.abc import Collection, Sequence

from query_api.ports import Slots, Unavailable
from udfs.telemetry import PAGE_SLOTS, Place

MAX_PAGES = 10_000
"""Pages that a process remembers by itself: 15 MB."""


class SharedSlots:
    """The port `Slots` of all processes; while it is away, each process remembers by itself."""

    def __init__(self, shared: Slots) -> None:
        self._shared = shared
        self._local = LocalSlots()

    async def claim(self, node_id: str, places: Sequence[Place]) -> Collection[int]:
        try:
            return await self._shared.claim(node_id, places)
        except Unavailable:
            return await self._local.claim(node_id, places)


class LocalSlots:
    """The port `Slots` in this process alone; of too many pages the first begun is forgotten."""

    def __init__(self, most: int = MAX_PAGES) -> None:
        self._most = most
        self._pages: dict[tuple[str, int, int], array[int]] = {}

    async def claim(self, node_id: str, places: Sequence[Place]) -> Collection[int]:
        return [
            position
            for position, place in enumerate(places)
            if self._claim(self._page(node_id, place), place) != place.mark
        ]

    def _claim(self, page: "array[int]", place: Place) -> int:
        """The mark of the reading that has the slot, this one if it was free."""
        page[place.slot] = page[place.slot] or place.mark
        return page[place.slot]

    def _page(self, node_id: str, place: Place) -> "array[int]":
        key = (node_id, place.gpu_index, place.page)
        page = self._pages.get(key)
        if page is None:
            if len(self._pages) >= self._most:
                del self._pages[next(iter(self._pages))]
            page = self._pages[key] = array("H", bytes(2 * PAGE_SLOTS))
        return page
