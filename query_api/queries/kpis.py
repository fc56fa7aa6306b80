"""How the market goes: its key figures, how far its GPUs are used, and what they earn."""

from collections.abc import Sequence

from query_api import answers, problems, times
from query_api.answers import told_dashboard, told_revenue, told_utilization
from query_api.bodies import RevenueQuery, UtilizationQuery
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.kpis import (
    DAY_MS,
    HOUR_MS,
    CapacityFilter,
    Sold,
    SoldFilter,
    day_of,
    fees_micros,
    hour_of,
)
from query_api.problems import FieldError
from query_api.queries.providers import own_provider

MOST_STEPS = 1_000
"""Points of a history that are told at once."""
STEP_MS = {"hour": HOUR_MS, "day": DAY_MS}
ADMIN = "platform_admin"


async def show_dashboard(call: Call) -> Answer:
    """The key figures of the market, each with its value 24 hours before.

    The trading volume is of the 60 minutes up to now. The other figures of trade are of 24 hours of
    the clock, the running one included; before that, of the 24 that ended with the hour which now
    was 24 hours ago. Utilisation is as of now; before that, as of the end of that hour. The average
    spot price is over the GPU types' spot prices as told last, each weighted by its GPUs. What the
    platform earns is for administrators alone.
    """
    now_ms, fee_basis_points = call.ports.clock.now_ms(), call.ports.fee_basis_points
    now, before = await call.ports.kpis.standings(now_ms)
    told = told_dashboard(now_ms, now, before, fee_basis_points)
    if not call.principal.is_admin:
        del told["kpis"]["platform_revenue"]
    return Answer(200, told)


async def list_utilization(call: Call) -> Answer:
    """Which part of the market's GPUs was leased at the end of each hour or day, oldest first."""
    query: UtilizationQuery = call.query
    step_ms = STEP_MS[query.step]
    from_ms, to_ms = _span(query, hour_of(call.ports.clock.now_ms()) + HOUR_MS, 7)
    if (to_ms - from_ms) // step_ms > MOST_STEPS:
        rule = f"at most {MOST_STEPS} steps before `to`"
        raise problems.invalid([FieldError("/from", _sent(query.from_), rule)])
    wanted = CapacityFilter(from_ms, to_ms, step_ms, query.gpu_type or "", query.region or "")
    return Answer(200, told_utilization(await call.ports.kpis.capacities(wanted), query.step))


async def list_revenue(call: Call) -> Answer:
    """What leases were sold for, by day, provider or GPU type, and what the platform keeps."""
    query: RevenueQuery = call.query
    return await _revenue(call, SoldFilter(*_days(call), query.by))


async def list_own_revenue(call: Call) -> Answer:
    """What the caller's provider sold leases for, by day or GPU type; the platform's fee is off."""
    query: RevenueQuery = call.query
    provider = await own_provider(call)
    return await _revenue(call, SoldFilter(*_days(call), query.by, provider["account_id"]))


async def _revenue(call: Call, wanted: SoldFilter) -> Answer:
    sold: Sequence[Sold] = await call.ports.kpis.sold(wanted)
    fees = list(fees_micros((each.cost_micros for each in sold), call.ports.fee_basis_points))
    return Answer(200, told_revenue(wanted, sold, fees))


def _days(call: Call) -> tuple[int, int]:
    return _span(call.query, day_of(call.ports.clock.now_ms()) + DAY_MS, 30)


def _span(query: RevenueQuery | UtilizationQuery, end_ms: int, days: int) -> tuple[int, int]:
    """From when to when is asked about: up to the end, so many days, if nobody says.

    Raises:
        Problem: 422, it ends before it begins.
    """
    to_ms = end_ms if query.to is None else query.to
    from_ms = max(to_ms - days * DAY_MS, 0) if query.from_ is None else query.from_
    if from_ms > to_ms:
        rule = "a time that is not after `to`"
        raise problems.invalid([FieldError("/from", _sent(query.from_), rule)])
    return from_ms, to_ms


def _sent(at_ms: int | None) -> str | None:
    return None if at_ms is None else times.told(at_ms)


ENDPOINTS = (
    Endpoint(
        "GET",
        f"{PREFIX}/kpi/dashboard",
        show_dashboard,
        "Show the market's key figures",
        "market:read",
        {200: answers.Dashboard},
        table=lambda told: [{"kpi": name, **figure} for name, figure in told["kpis"].items()],
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/kpi/utilization",
        list_utilization,
        "List how far GPUs were leased, by hour or day",
        "admin",
        {200: answers.Utilization},
        query=UtilizationQuery,
        role=ADMIN,
        table=lambda told: list(told["items"]),
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/kpi/revenue",
        list_revenue,
        "List what leases were sold for",
        "admin",
        {200: answers.Revenue},
        query=RevenueQuery,
        role=ADMIN,
        table=lambda told: list(told["breakdown"]),
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/providers/me/revenue",
        list_own_revenue,
        "List what the caller's provider earned",
        "providers:read",
        {200: answers.Revenue},
        query=RevenueQuery,
        refusals=(404,),
        table=lambda told: list(told["breakdown"]),
    ),
)
