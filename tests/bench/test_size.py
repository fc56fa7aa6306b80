"""What the bench of a large market tells."""

from tests.bench.size import MEMORY, ON_TOP, RATIO, READY, TINY, _section

P95 = f"order to trade at {ON_TOP}/s, p95, ms"


def test_what_binds_is_told_with_what_it_was() -> None:
    section = _section(TINY, {RATIO: 1.07, MEMORY: 3_100.0, READY: 78.0, P95: 49.0})
    assert [(goal.what, goal.is_reached) for goal in section.goals] == [
        (RATIO, True),
        (MEMORY, False),
        (READY, True),
        (P95, True),
    ]
    assert section.rows[:2] == [[RATIO, "1.07"], [MEMORY, "3,100"]]
