"""Prices: every update of every index, and the newest of each to begin with."""

from query_api.feeds import rpc, told
from query_api.feeds.archive import Mark
from query_api.feeds.feed import Keep, Plain
from query_api.feeds.log import Record
from query_api.ports import Clock, Ports, Row, Unavailable

CHANNEL = "pricing"
Index = tuple[str, str, str]


class PricingFeed(Plain):
    """The feed `/ws/pricing`; it has one channel."""

    kind = "pricing"

    def __init__(self, clock: Clock, keep: Keep) -> None:
        super().__init__(clock, keep)
        self._newest: dict[Index, Row] = {}

    def take(self, record: Record, mark: Mark) -> None:
        update = record.fact
        self._keep(update)
        self.tell(CHANNEL, (mark,), "price.update", told.told_price(update))

    async def snapshot(self, name: str) -> bytes:
        prices = [told.told_price(self._newest[index]) for index in sorted(self._newest)]
        params: told.PricingSnapshot = {"prices": prices}
        return rpc.opened("pricing.snapshot", params)

    async def load(self, ports: Ports) -> None:
        """Begin with what the views have: the log of a market without trades may tell nothing."""
        catalogue = await ports.catalogue.get()
        for region in ("", *catalogue.regions):
            for update in await _from_views(ports, list(catalogue.gpu_types), region):
                self._keep(update)

    def _keep(self, update: Row) -> None:
        index = (update["gpu_type"], update["region"], update["product"])
        held = self._newest.get(index)
        is_newer = held is None or held["occurred_at_ms"] <= update["occurred_at_ms"]
        if is_newer and not update["is_final"]:
            self._newest[index] = update


async def _from_views(ports: Ports, gpu_types: list[str], region: str) -> list[Row]:
    try:
        return await ports.live.prices(gpu_types, region)
    except Unavailable:
        return []
