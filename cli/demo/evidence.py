"""Gathers what the API, Kafka and ClickHouse tell of a run."""

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any, Final

from cli import clickhouse
from cli.client import Json
from cli.demo.checks import Deal, Evidence, Signals, deal
from cli.demo.play import Run
from cli.demo.progress import Progress
from cli.demo.telemetry import Outage, Telemetry
from cli.log import Log, Offsets
from cli.session import Session
from schemas.names import FACT_TOPICS, PRICING_UPDATES
from udfs.money import MICROS

SETTLE_SECONDS: Final = 45.0
SAMPLE: Final = 60
TRADES: Final = FACT_TOPICS["order_matched"]
WINDOW_MS: Final = 10_000


async def gather(
    session: Session, log: Log, run: Run, progress: Progress, since: Offsets
) -> Evidence:
    """All that `checks.judge` compares, once the views have caught up with the log."""
    await _settle(session, run, progress)
    every = await asyncio.to_thread(_trades, log, since)
    trades = _of_run(every, run)
    await _await_history(session, run, len(trades))
    orders = await _orders(run)
    return Evidence(
        accepted=progress.accepted,
        orders=orders,
        history=_history(session, run),
        log_trades=trades,
        history_trades=_history_trades(session, run),
        tape=await _tape(run, every),
        log_tape=frozenset(map(deal, every.values())),
        sampled=await _sampled(run, orders, trades),
        slots=_slots(session, run),
        gpus=run.gpus,
    )


async def gather_signals(
    session: Session,
    log: Log,
    run: Run,
    telemetry: Telemetry,
    since: Offsets,
    outage: Outage | None,
) -> Signals:
    """All that `checks.judge_signals` compares; the nodes report until their windows are over."""
    nodes = quoted(each.node_id for each in telemetry.reporters)
    until_ms = time.time_ns() // 1_000_000
    rolled = partial(_rolled_up, session, nodes, until_ms)
    stored = partial(_stored, session, nodes)
    await _until(lambda: rolled() >= stored(until_ms) > 0)
    await telemetry.stop()
    await _until(lambda: stored() >= telemetry.accepted)
    return Signals(
        accepted=telemetry.accepted,
        stored=stored(),
        rolled_up=rolled(),
        in_windows=stored(until_ms),
        outage=outage,
        prices=await asyncio.to_thread(_spot_prices, log, since),
        kpis=await _kpis(run),
    )


async def _settle(session: Session, run: Run, progress: Progress) -> None:
    """Wait until ClickHouse knows of every accepted order, which the books know before."""
    await _until(lambda: sum(_history(session, run).values()) >= len(progress.accepted))


async def _await_history(session: Session, run: Run, trades: int) -> None:
    await _until(lambda: len(_history_trades(session, run)) >= trades)


async def _until(reached: Any) -> None:
    """Wait for it, within bounds: what is then still missing, the checks will tell."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while not await asyncio.to_thread(reached) and time.monotonic() < deadline:
        await asyncio.sleep(0.5)


def _trades(log: Log, since: Offsets) -> dict[str, Json]:
    """Every trade in Kafka since then, by id; one delivered twice is one."""
    return {entry.record["trade_id"]: entry.record for entry in log.read([TRADES], since=since)}


def _of_run(trades: Mapping[str, Json], run: Run) -> dict[str, Json]:
    accounts = set(run.account_ids)
    return {
        trade_id: trade
        for trade_id, trade in trades.items()
        if trade["buyer_id"] in accounts or trade["seller_id"] in accounts
    }


async def _orders(run: Run) -> dict[str, Json]:
    """One account after another: each page is a question to ClickHouse, and runs may be large."""
    pages = [await run.api.pages(party.key, "/orders") for party in run.parties]
    return {order["id"]: order for page in pages for order in page}


async def _kpis(run: Run) -> dict[str, Json]:
    """The key figures, once all are told or the time is over; they follow their facts."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        told = await run.api.call(run.admin_key, "GET", "/kpi/dashboard")
        kpis: dict[str, Json] = told["kpis"]
        missing = any(figure["value"] is None for figure in kpis.values())
        if not missing or time.monotonic() > deadline:
            return kpis
        await asyncio.sleep(1)


def _stored(session: Session, nodes: str, until_ms: int | None = None) -> int:
    """Readings of some nodes, in all or of windows of 10 s that were over by then."""
    over = f" AND timestamp < {_window_ms(until_ms)}" if until_ms else ""
    sql = (
        "SELECT toUInt32(uniqExact(node_id, gpu_index, timestamp)) AS n FROM providers_telemetry"
        f" WHERE node_id IN ({nodes}){over}"
    )
    return int(clickhouse.rows(session, sql)[0]["n"])


def _rolled_up(session: Session, nodes: str, until_ms: int) -> int:
    """Samples in the nodes' windows of 10 s that were over by then."""
    sql = (
        "SELECT toUInt32(sum(samples)) AS n FROM telemetry_rollups FINAL WHERE scope = 'node'"
        f" AND window_seconds = 10 AND scope_id IN ({nodes}) AND window_start_ms < "
        f"{until_ms - until_ms % WINDOW_MS}"
    )
    return int(clickhouse.rows(session, sql)[0]["n"])


def _window_ms(at_ms: int) -> str:
    """The beginning of the window of this time, as SQL."""
    return f"fromUnixTimestamp64Milli(toInt64({at_ms - at_ms % WINDOW_MS}), 'UTC')"


def _spot_prices(log: Log, since: Offsets) -> dict[str, tuple[int, ...]]:
    """The spot prices of each GPU type since then, one after another, repeats left out."""
    prices: dict[str, list[int]] = {}
    for entry in log.read([PRICING_UPDATES], since=since):
        price_micros = entry.record["spot_price_micros"]
        if price_micros and not entry.record["region"]:
            told = prices.setdefault(entry.record["gpu_type"], [])
            if told[-1:] != [price_micros]:
                told.append(price_micros)
    return {gpu_type: tuple(told) for gpu_type, told in prices.items()}


def _history(session: Session, run: Run) -> dict[str, int]:
    found = clickhouse.rows(
        session,
        "SELECT status, toUInt32(count()) AS orders FROM orders"
        f" WHERE account_id IN ({quoted(run.account_ids)}) GROUP BY status",
    )
    return {row["status"]: row["orders"] for row in found}


def _history_trades(session: Session, run: Run) -> frozenset[Deal]:
    accounts = quoted(run.account_ids)
    found = clickhouse.rows(
        session,
        "SELECT trade_id, toUInt32(quantity) AS quantity, toString(price_micros) AS price_micros"
        f" FROM trades WHERE buyer_id IN ({accounts}) OR seller_id IN ({accounts})",
    )
    return frozenset(
        Deal(row["trade_id"], row["quantity"], int(row["price_micros"])) for row in found
    )


def _slots(session: Session, run: Run) -> dict[str, tuple[str, ...]]:
    providers = quoted(party.account_id for party in run.providers)
    found = clickhouse.rows(
        session, f"SELECT node_id, slots FROM nodes WHERE account_id IN ({providers})"
    )
    return {row["node_id"]: tuple(row["slots"]) for row in found}


async def _tape(run: Run, trades: Mapping[str, Json]) -> frozenset[Deal]:
    """The newest trades of each book that traded, as many as Kafka told of it."""
    counts: dict[str, int] = {}
    for trade in trades.values():
        counts[trade["book_id"]] = counts.get(trade["book_id"], 0) + 1
    tapes = [await _newest(run, book_id, count) for book_id, count in counts.items()]
    return frozenset(_told(item) for tape in tapes for item in tape)


async def _newest(run: Run, book_id: str, count: int) -> list[Json]:
    items: list[Json] = []
    cursor: dict[str, str] = {}
    while len(items) < count:
        page = await run.api.call(
            run.admin_key,
            "GET",
            f"/market/books/{book_id}/trades",
            params={"limit": min(1000, count - len(items)), **cursor},
        )
        items += page["items"]
        if not page["next_cursor"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    return items


async def _sampled(
    run: Run, orders: Mapping[str, Json], trades: Mapping[str, Json]
) -> dict[str, frozenset[Deal]]:
    """The trades of some orders that traded, asked for with their owners' keys."""
    keys = {party.account_id: party.key for party in run.parties}
    traded = sorted({trade["bid_order_id"] for trade in trades.values()} & orders.keys())
    sample = Random(run.name).sample(traded, min(SAMPLE, len(traded)))
    return {
        order_id: await _trades_of(run, keys[orders[order_id]["account_id"]], order_id)
        for order_id in sample
    }


async def _trades_of(run: Run, key: str, order_id: str) -> frozenset[Deal]:
    answer = await run.api.call(key, "GET", f"/orders/{order_id}/trades", params={"limit": 1000})
    return frozenset(map(_told, answer["trades"]))


def _told(trade: Json) -> Deal:
    return Deal(trade["id"], trade["quantity"], int(Decimal(trade["price"]) * MICROS))


def quoted(ids: Iterable[str] | Collection[str]) -> str:
    """Ids as a list of SQL strings; they are UUIDs, so there is nothing to escape."""
    return ", ".join(f"'{each}'" for each in ids)
