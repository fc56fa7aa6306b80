"""How the running demo looks: a live table on a terminal, a line now and then elsewhere."""

import time
from dataclasses import dataclass, field

from rich.console import Group, RenderableType

from cli import output
from cli.demo.progress import Progress

BOOKS: output.Columns = {
    "book": "id",
    "best bid": "best_bid",
    "best ask": "best_ask",
    "resting": "resting",
}


@dataclass(slots=True)
class Rate:
    """Orders a second between two looks."""

    sent: int = 0
    at: float = field(default_factory=time.monotonic)
    shown: float = 0.0

    def look(self, sent: int, now: float) -> float:
        """The rate since the last look that is at least a second old."""
        if now - self.at >= 1:
            self.shown = (sent - self.sent) / (now - self.at)
            self.sent, self.at = sent, now
        return self.shown


def figures(progress: Progress, rate: float) -> dict[str, str]:
    """The run in numbers, for people."""
    return {
        "orders": f"{progress.sent:,} of {progress.to_send:,}",
        "orders/s": f"{rate:.0f}",
        "trades": f"{progress.trades:,}",
        "fill rate": f"{progress.fill_percent:.1f} %",
        "order to trade p50": f"{progress.latency_ms(50):.1f} ms",
        "p95": f"{progress.latency_ms(95):.1f} ms",
    }


def line(progress: Progress, rate: float) -> str:
    """The run on one line."""
    shown = " · ".join(f"{name} {value}" for name, value in figures(progress, rate).items())
    return f"{progress.phase}: {shown}"


def screen(progress: Progress, rate: float) -> RenderableType:
    """The run on a screen, with the best prices of the books that are traded."""
    numbers = figures(progress, rate)
    traded = [book for book in progress.books if book.get("resting")]
    return Group(
        progress.phase,
        output.card(numbers, {name: name for name in numbers}),
        output.table(traded, BOOKS),
    )
