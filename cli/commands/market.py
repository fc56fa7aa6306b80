"""`gpubroker market …`: what can be traded, and at which prices."""

import time
from typing import Annotated, Any

import typer
from rich.columns import Columns as SideBySide
from rich.console import Group, RenderableType
from rich.live import Live

from cli import output
from cli.client import MOST_LISTED, Client, Json
from cli.errors import OutcomeUnknown
from cli.inputs import hours
from cli.options import As, AsJson, Limit, session

app = typer.Typer(no_args_is_help=True, help="What can be traded, and at which prices.")

BookId = Annotated[str, typer.Argument(help="{gpu_type}.{product}, such as H100.ondemand.")]
Levels = Annotated[int, typer.Option("--levels", "-n", help="Price levels of each side.")]
ForDuration = Annotated[
    str | None, typer.Option("--duration", "-d", help="Only asks that sell this duration.")
]
InRegion = Annotated[str | None, typer.Option("--region", "-r", help="Only orders of this region.")]

BOOKS: output.Columns = {
    "book": "id",
    "best bid": "best_bid",
    "bid GPUs": "bid_quantity",
    "best ask": "best_ask",
    "ask GPUs": "ask_quantity",
    "orders": "resting",
    "status": "status",
    "sequence": "book_seq",
}
LOOK = "gpubroker market books"
STATUS: output.Columns = {"book": "book_id", "status": "status", "sequence": "book_seq"}
LEVELS: output.Columns = {"price": "price", "GPUs": "quantity", "orders": "orders"}
PRICES: output.Columns = {
    "GPU type": "gpu_type",
    "region": "region",
    "spot price": "spot_price",
    "base price": "base_price",
    "utilization": "utilization",
    "unchanged since": "unchanged_since",
    "as of": "as_of",
}
WINDOWS: output.Columns = {
    "window": "window_start",
    "spot price": "spot_price",
    "average": "avg_price",
    "least": "min_price",
    "most": "max_price",
    "GPUs": "quantity",
    "trades": "trades",
    "utilization": "utilization",
}
TAPE: output.Columns = {
    "executed": "executed_at",
    "GPUs": "quantity",
    "price": "price",
    "hours": "duration_hours",
    "region": "region",
    "aggressor": "aggressor",
    "trade": "id",
}


@app.command()
def books(ctx: typer.Context, role: As = None, as_json: AsJson = False) -> None:
    """List the books with their best prices."""
    opened = session(ctx)
    with opened.client(role, "consumer") as client:
        answer = client.get("/market/books", {"limit": MOST_LISTED})
    output.show(opened.settings, answer, as_json, lambda page: output.page(page, BOOKS, "books"))


@app.command()
def depth(
    ctx: typer.Context,
    book_id: BookId,
    levels: Levels = 20,
    duration: ForDuration = None,
    region: InRegion = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Show a book's price levels, best first."""
    opened = session(ctx)
    with opened.client(role, "consumer") as client:
        answer = client.get(f"/market/books/{book_id}/depth", depth_query(levels, duration, region))
    output.show(opened.settings, answer, as_json, ladder)


@app.command()
def trades(
    ctx: typer.Context,
    book_id: BookId,
    limit: Limit = 20,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Show a book's newest trades."""
    opened = session(ctx)
    with opened.client(role, "consumer") as client:
        answer = client.get(f"/market/books/{book_id}/trades", {"limit": limit})
    output.show(
        opened.settings, answer, as_json, lambda answer: output.table(answer["items"], TAPE)
    )


@app.command()
def watch(
    ctx: typer.Context,
    book_id: BookId,
    levels: Levels = 10,
    every: Annotated[
        float, typer.Option("--every", min=0.1, help="Seconds between two looks.")
    ] = 0.5,
    looks: Annotated[int, typer.Option("--looks", help="Stop after so many looks, 0 = never.")] = 0,
    role: As = None,
) -> None:
    """Watch a book's depth and tape live; Ctrl-C ends it."""
    opened = session(ctx)
    console = output.console(opened.settings)
    with opened.client(role, "consumer") as client:
        look_at = _look(client, book_id, levels)
        with Live(look_at, console=console, auto_refresh=False) as live:
            seen = 1
            while not looks or seen < looks:
                time.sleep(every)
                live.update(_look(client, book_id, levels), refresh=True)
                seen += 1


@app.command()
def price(
    ctx: typer.Context,
    gpu_type: Annotated[
        str | None, typer.Argument(help="Such as H100; every one if absent.")
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", "-r", help="In this region; in all if absent.")
    ] = None,
    history: Annotated[
        int, typer.Option("--history", min=0, help="So many windows of 5 minutes that are over.")
    ] = 0,
    product: Annotated[
        str, typer.Option("--product", help="Whose trades, for --history.")
    ] = "spot",
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Show spot prices, or with --history those of a GPU type over time."""
    opened = session(ctx)
    query: dict[str, str | int | None] = {"gpu_type": gpu_type, "region": region}
    if history:
        query |= {"limit": history, "product": product}
    path, columns = ("/pricing/history", WINDOWS) if history else ("/pricing/spot", PRICES)
    given = {name: value for name, value in query.items() if value is not None}
    with opened.client(role, "consumer") as client:
        answer = client.get(path, given)
    output.show(
        opened.settings, answer, as_json, lambda answer: output.table(answer["items"], columns)
    )


@app.command()
def catalogue(ctx: typer.Context, role: As = None, as_json: AsJson = False) -> None:
    """List GPU types, products and regions."""
    opened = session(ctx)
    with opened.client(role, "consumer") as client:
        answer = client.get("/market/catalogue")
    fields: output.Columns = {name.replace("_", " "): name for name in answer}
    output.show(opened.settings, answer, as_json, lambda answer: output.card(answer, fields))


@app.command()
def halt(ctx: typer.Context, book_id: BookId, role: As = None, as_json: AsJson = False) -> None:
    """Have a book take neither orders nor amends; cancels still work (admin)."""
    _tell(ctx, book_id, "halt", role, as_json)


@app.command()
def resume(ctx: typer.Context, book_id: BookId, role: As = None, as_json: AsJson = False) -> None:
    """Have a halted book take orders again (admin)."""
    _tell(ctx, book_id, "resume", role, as_json)


def depth_query(levels: int, duration: str | None, region: str | None) -> dict[str, str | int]:
    """The query of a depth; what was not asked for is left out."""
    query: dict[str, str | int | None] = {
        "levels": levels,
        "duration_hours": duration and hours(duration),
        "region": region,
    }
    return {name: value for name, value in query.items() if value is not None}


def ladder(answer: Json) -> RenderableType:
    """Both sides of a book, next to each other."""
    sides = [output.table(answer[side], LEVELS, title=side) for side in ("bids", "asks")]
    return Group(f"{answer['book_id']} at sequence {answer['book_seq']}", SideBySide(sides))


def _tell(ctx: typer.Context, book_id: str, word: str, role: As, as_json: bool) -> None:
    """Halt or resume a book, and tell its status."""
    opened = session(ctx)
    with opened.client(role, "admin") as client:
        told = client.call("POST", f"/market/books/{book_id}/{word}")
    if "book_seq" not in told:
        if as_json:
            output.print_json(told)
        raise OutcomeUnknown(f"sent, but not answered yet; look with `{LOOK}`")
    output.show(opened.settings, told, as_json, lambda told: output.card(told, STATUS))


def _look(client: Client, book_id: str, levels: int) -> RenderableType:
    """The book as it is now."""
    book: Any = client.get(f"/market/books/{book_id}/depth", {"levels": levels})
    tape = client.get(f"/market/books/{book_id}/trades", {"limit": levels})
    return Group(ladder(book), "", output.table(tape["items"], TAPE, title="trades"))
