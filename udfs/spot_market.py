"""The price indexes of one GPU type, in windows of five minutes.

An index is a product in a region, or in all of them (region `""`): its trades are never mixed with
those of another product. The spot price is of a region alone, made of the GPUs there and of no
trade, so every index of the region tells the same.

Time comes in as steps, one each `STEP_MS`. A step prices each region anew and tells of each index
how its window stands so far. The first step after a window's end tells its final result, and so
does every later one that has news of it: a trade or a rollup that came late. Trades come in the
order of their book's sequence, so whatever comes late belongs to the newest window of its book
or to one after it: these are remembered, however old; the others for `KEPT_MS`.
"""

import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from udfs import pricing
from udfs.machine import Rows, decoded
from udfs.pricing import Supply, Trades

STEP_MS: Final = 10_000
WINDOW_SECONDS: Final = 300
WINDOW_MS: Final = WINDOW_SECONDS * 1000
KEPT_MS: Final = 3_600_000
EVERYWHERE: Final = ""
SPOT: Final = "spot"
"""The product whose indexes are told whether or not anybody traded."""
NOTHING_MEASURED: Final = -1.0
MOST_REGIONS: Final = 1_024
"""So many are remembered by their names."""
_NEVER: Final = (0, 0)
_MARKET: Final = "market"
_NODE: Final = "node:"
_WINDOW: Final = "window:"

Record = Mapping[str, Any]
Changed = frozenset[str]
"""Keys of rows of the state that are not any more as they were written (`written`)."""
NOTHING: Final = Changed()


class Index(NamedTuple):
    """What is never mixed with anything else."""

    product: str
    region: str


class Node(NamedTuple):
    """What a node has to sell; nothing if it is not healthy."""

    seq: int
    region: str
    supply: Supply


class Priced(NamedTuple):
    """What a step made of a region."""

    spot_price_micros: int = 0
    unchanged_since_ms: int = 0
    base_price_micros: int = 0
    allocated: int = 0
    held: int = 0
    available: int = 0
    utilization: float = 0.0


class Quoted(NamedTuple):
    """The newest trades of an index."""

    vwap_micros: int = 0
    at_ms: int = 0


class Measured(NamedTuple):
    """The mean of what the GPUs of a region measured in a part of a window."""

    samples: int
    mean: float


@dataclass(slots=True)
class Window:
    """Five minutes of a GPU type."""

    start_ms: int
    trades: dict[Index, Trades] = field(default_factory=dict)
    measured: dict[tuple[str, int], Measured] = field(default_factory=dict)
    """By region and the time at which the part began."""
    priced: dict[str, Priced] = field(default_factory=dict)
    """By region, as of the last step in it; empty if there was none."""
    quoted: dict[Index, Quoted] = field(default_factory=dict)
    """The newest trades of each index, in it or before it."""
    has_news: bool = True
    """Something changed since its final result was told."""

    @property
    def end_ms(self) -> int:
        """The first moment after it."""
        return self.start_ms + WINDOW_MS


@dataclass(slots=True)
class SpotMarket:
    """All that is known of one GPU type."""

    gpu_type: str
    began_ms: int = 0
    """The first step; what was over by then is nobody's to tell."""
    stepped_ms: int = 0
    """The last step."""
    nodes: dict[str, Node] = field(default_factory=dict)
    supply: dict[str, Supply] = field(default_factory=dict)
    """By region, and of all of them: the sum over the nodes."""
    windows: dict[int, Window] = field(default_factory=dict)
    priced: dict[str, Priced] = field(default_factory=dict)
    """By region, as of the last step."""
    quoted: dict[Index, Quoted] = field(default_factory=dict)
    newest: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By book the sequence of its last trade, and the start of the window that it is in."""


class Told(NamedTuple):
    """What a step tells, and the rows that it changed."""

    updates: list[dict[str, Any]]
    changed: Changed


def load(gpu_type: str, rows: Rows) -> SpotMarket:
    """The market from the rows that were written of it, in any order; from none a new one."""
    market = SpotMarket(gpu_type)
    for key, value in decoded(rows):
        if key == _MARKET:
            _read_market(market, value)
        elif key.startswith(_NODE):
            _place(market, key.removeprefix(_NODE), _read_node(value))
        else:
            window = _read_window(value)
            market.windows[window.start_ms] = window
    return market


def written(market: SpotMarket, key: str) -> str | None:
    """A row of the state as it is to be written; None if there is none any more."""
    if key == _MARKET:
        return json.dumps(_market_row(market))
    if key.startswith(_NODE):
        node = market.nodes.get(key.removeprefix(_NODE))
        return None if node is None else json.dumps(node)
    window = market.windows.get(int(key.removeprefix(_WINDOW)))
    return None if window is None else json.dumps(_window_row(window))


def change_nodes(market: SpotMarket, facts: Iterable[Record]) -> Changed:
    """Take in `NodeChanged`s, of each node the newest; what came before changes nothing.

    Each tells all of its node, and a node in demand tells of itself with every trade.
    """
    newest: dict[str, Record] = {}
    for fact in facts:
        other = newest.get(fact["node_id"])
        if other is None or fact["account_seq"] > other["account_seq"]:
            newest[fact["node_id"]] = fact
    return NOTHING.union(*(_change_node(market, fact) for fact in newest.values()))


def _change_node(market: SpotMarket, fact: Record) -> Changed:
    node_id = fact["node_id"]
    held = market.nodes.get(node_id)
    if held and fact["account_seq"] <= held.seq:
        return NOTHING
    _place(market, node_id, Node(fact["account_seq"], fact["region"], _supply_of(fact)))
    if fact["removed"]:
        del market.nodes[node_id]
    return Changed([_NODE + node_id])


def add_trades(market: SpotMarket, facts: Iterable[Record]) -> Changed:
    """Take in `OrderMatched`s in the order of each book; what came before changes nothing."""
    new: dict[tuple[int, Index], list[Record]] = {}
    for fact in facts:
        book_id, at_ms = fact["book_id"], fact["occurred_at_ms"]
        if fact["book_seq"] <= market.newest.get(book_id, _NEVER)[0]:
            continue
        start_ms = at_ms - at_ms % WINDOW_MS
        market.newest[book_id] = (fact["book_seq"], start_ms)
        for index in _indexes(fact["product"], fact["region"]):
            new.setdefault((start_ms, index), []).append(fact)
    changed = {_MARKET} if new else set()
    # An index is of one book, so its windows stand here in the order of time.
    for (start_ms, index), trades in new.items():
        window = _window_at(market, start_ms)
        prices = [each["price_micros"] for each in trades]
        quantities = [each["quantity"] for each in trades]
        sums = window.trades.get(index, Trades()).with_more(prices, quantities)
        last = Quoted(sums.vwap_micros, trades[-1]["occurred_at_ms"])
        window.trades[index] = sums
        window.quoted[index] = market.quoted[index] = last
        changed.add(_key(window))
    return Changed(changed)


def add_rollups(market: SpotMarket, rollups: Iterable[Record]) -> Changed:
    """Take in `TelemetryRollup`s of regions."""
    return NOTHING.union(*(_add_rollup(market, each) for each in rollups))


def _add_rollup(market: SpotMarket, rollup: Record) -> Changed:
    """Of two of one region and time that of more samples stands."""
    start_ms = rollup["window_start_ms"]
    if rollup["scope"] != "market" or start_ms < market.stepped_ms - KEPT_MS:
        return NOTHING
    window = _window_at(market, start_ms)
    part = (rollup["region"], start_ms)
    held = window.measured.get(part)
    if held and rollup["samples"] <= held.samples:
        return NOTHING
    window.measured[part] = Measured(rollup["samples"], rollup["gpu_utilization_mean"])
    return Changed([_key(window)])


def step(market: SpotMarket, at_ms: int, limit_basis_points: int) -> Told:
    """Price each region, and tell each window that has news.

    Args:
        market: changed by it.
        at_ms: the time, a multiple of `STEP_MS`; one that is not after the last changes nothing.
        limit_basis_points: the most that a spot price may change, in hundredths of a per cent.
    """
    if at_ms <= market.stepped_ms:
        return Told([], NOTHING)
    market.stepped_ms = at_ms
    market.began_ms = market.began_ms or at_ms
    for region, supply in market.supply.items():
        last = market.priced.get(region, Priced())
        market.priced[region] = _priced(supply, last, at_ms, limit_basis_points)
    current = _window_at(market, at_ms - 1)
    current.priced = dict(market.priced)
    current.quoted |= {i: each for i, each in market.quoted.items() if each.at_ms < current.end_ms}
    updates, changed = [*_results(market, current, at_ms)], {_MARKET, _key(current)}
    for window in [each for each in market.windows.values() if each.end_ms < at_ms]:
        if window.has_news:
            window.has_news = False
            updates.extend(_final(market, window))
            changed.add(_key(window))
        if _is_over(market, window):
            del market.windows[window.start_ms]
            changed.add(_key(window))
    return Told(updates, Changed(changed))


def _priced(supply: Supply, last: Priced, at_ms: int, limit_basis_points: int) -> Priced:
    wanted = pricing.spot_price_micros(supply)
    price = pricing.limited_micros(wanted, last.spot_price_micros, limit_basis_points)
    return Priced(
        price,
        last.unchanged_since_ms if price == last.spot_price_micros else at_ms,
        pricing.base_price_micros(supply),
        supply.allocated,
        supply.held,
        supply.available,
        pricing.utilization(supply),
    )


def _final(market: SpotMarket, window: Window) -> Iterable[dict[str, Any]]:
    """The final results of a window; none of one that nobody looked at or is nobody's to tell."""
    if window.end_ms <= market.began_ms or not (window.priced or window.trades):
        return ()
    return _results(market, window, window.end_ms, is_final=True)


def _is_over(market: SpotMarket, window: Window) -> bool:
    """Whether nothing more can come for a window."""
    newest = {start_ms for _, start_ms in market.newest.values()}
    return window.start_ms not in newest and window.end_ms < market.stepped_ms - KEPT_MS


def _results(
    market: SpotMarket, window: Window, at_ms: int, *, is_final: bool = False
) -> Iterator[dict[str, Any]]:
    spot = [Index(SPOT, region) for region in window.priced]
    for index in sorted({*spot, *window.quoted}):
        yield {
            "gpu_type": market.gpu_type,
            "region": index.region,
            "product": index.product,
            "window_start_ms": window.start_ms,
            "window_seconds": WINDOW_SECONDS,
            "occurred_at_ms": at_ms,
            "is_final": is_final,
            **window.priced.get(index.region, Priced())._asdict(),
            **_traded(window.trades.get(index, Trades()), window.quoted.get(index, Quoted())),
            "telemetry_utilization": _mean(window, index.region),
        }


def _traded(sums: Trades, quoted: Quoted) -> dict[str, Any]:
    """What is told of an index's trades; without one, the price of those before is kept."""
    return {
        "vwap_micros": quoted.vwap_micros,
        "min_micros": sums.min_micros,
        "max_micros": sums.max_micros,
        "stddev_micros": sums.stddev_micros,
        "volume_gpus": sums.gpus,
        "volume_micros": sums.value_micros,
        "trade_count": sums.trade_count,
        "last_trade_at_ms": quoted.at_ms,
    }


def _mean(window: Window, region: str) -> float:
    """The mean over all samples of a region in a window."""
    parts = [
        part
        for (where, _), part in sorted(window.measured.items())
        if region in (where, EVERYWHERE)
    ]
    samples = sum(part.samples for part in parts)
    if not samples:
        return NOTHING_MEASURED
    return sum(part.mean * part.samples for part in parts) / samples


def _supply_of(fact: Record) -> Supply:
    """A node's GPUs; none of them is for sale on one that is not healthy, or not in use."""
    if fact["health"] != "healthy" or fact["maintenance"] or fact["removed"]:
        return Supply()
    supply = Supply(fact["allocated"], fact["held"], fact["available"])
    if not fact["surge_enabled"] or not fact["base_price_micros"]:
        return supply
    gpus = supply.gpus
    return supply._replace(
        surge_gpus=gpus, surge_value_micros=gpus * int(fact["base_price_micros"])
    )


def _place(market: SpotMarket, node_id: str, node: Node) -> None:
    """Put a node in the place of what was known of it."""
    before = market.nodes.get(node_id)
    market.nodes[node_id] = node
    if before is None or before.region == node.region:
        _add_supply(
            market, node.region, node.supply.minus(before.supply) if before else node.supply
        )
    else:
        _add_supply(market, node.region, node.supply)
        _add_supply(market, before.region, Supply().minus(before.supply))


def _add_supply(market: SpotMarket, where: str, supply: Supply) -> None:
    for region in _regions(where):
        market.supply[region] = market.supply.get(region, Supply()).plus(supply)


@functools.lru_cache(maxsize=MOST_REGIONS)
def _regions(region: str) -> tuple[str, ...]:
    """A region and all of them, each once."""
    return tuple(dict.fromkeys((region, EVERYWHERE)))


@functools.lru_cache(maxsize=MOST_REGIONS)
def _indexes(product: str, region: str) -> tuple[Index, ...]:
    """The indexes of a trade: of its region and of all of them."""
    return tuple(Index(product, each) for each in _regions(region))


def _window_at(market: SpotMarket, at_ms: int) -> Window:
    """The window of a moment; whoever asks for it has news."""
    start_ms = at_ms - at_ms % WINDOW_MS
    window = market.windows.setdefault(start_ms, Window(start_ms))
    window.has_news = True
    return window


def _key(window: Window) -> str:
    return f"{_WINDOW}{window.start_ms}"


def _market_row(market: SpotMarket) -> tuple[Any, ...]:
    return (
        market.began_ms,
        market.stepped_ms,
        list(market.supply),
        market.priced,
        _quoted_rows(market.quoted),
        market.newest,
    )


def _read_market(market: SpotMarket, row: Any) -> None:
    market.began_ms, market.stepped_ms, regions, priced, quoted, newest = row
    for region in regions:
        market.supply.setdefault(region, Supply())
    market.priced = {region: Priced(*each) for region, each in priced.items()}
    market.quoted = _read_quoted(quoted)
    market.newest = {book_id: (seq, start_ms) for book_id, (seq, start_ms) in newest.items()}


def _read_node(row: Any) -> Node:
    seq, region, supply = row
    return Node(seq, region, Supply(*supply))


def _window_row(window: Window) -> tuple[Any, ...]:
    return (
        window.start_ms,
        [(*index, *sums) for index, sums in window.trades.items()],
        [(*part, *measured) for part, measured in window.measured.items()],
        window.priced,
        _quoted_rows(window.quoted),
        window.has_news,
    )


def _read_window(row: Any) -> Window:
    start_ms, trades, measured, priced, quoted, has_news = row
    return Window(
        start_ms,
        {Index(*each[:2]): Trades(*each[2:]) for each in trades},
        {(each[0], each[1]): Measured(*each[2:]) for each in measured},
        {region: Priced(*each) for region, each in priced.items()},
        _read_quoted(quoted),
        has_news,
    )


def _quoted_rows(quoted: Mapping[Index, Quoted]) -> list[tuple[Any, ...]]:
    return [(*index, *each) for index, each in quoted.items()]


def _read_quoted(rows: Any) -> dict[Index, Quoted]:
    return {Index(*row[:2]): Quoted(*row[2:]) for row in rows}
