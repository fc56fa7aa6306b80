"""`gpubroker audit`: see from outside whether a running market keeps what it promises."""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from cli import output
from cli.audit.auditing import QUIET_SECONDS, Audit
from cli.errors import BadUsage, CannotTell, CheckFailed, CommandError
from cli.log import connect, located
from cli.meter import Meter
from cli.options import AsJson, session
from cli.session import Session
from udfs.audit.auditor import RULES, Finding

LOOK_SECONDS: Final = QUIET_SECONDS + 1.0
"""Long enough to see whether the market is at rest."""
COLUMNS: output.Columns = {
    "promise": "rule",
    "that": lambda row: RULES[row["rule"]],
    "verdict": "verdict",
    "counted": "counted",
    "offences": "offences",
}


def audit(
    ctx: typer.Context,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as the logs grow, until Ctrl-C.")
    ] = False,
    every_seconds: Annotated[
        float, typer.Option("--every", min=1, help="With --follow: seconds between two looks.")
    ] = 15.0,
    looks: Annotated[
        int, typer.Option("--looks", min=0, help="With --follow: end after so many, 0 for never.")
    ] = 0,
    accepted: Annotated[
        Path | None,
        typer.Option("--accepted", help="File of ids of orders that got a 2xx, one a line."),
    ] = None,
    ask_hash: Annotated[
        bool,
        typer.Option("--ask-hash", help="Have each running book tell its hash, by a tick."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check by logs and views alone that the market keeps its promises.

    Every order adds up (INV1), no GPU is sold twice (INV3), log, ClickHouse, Redis and API agree
    (INV4), every allocation is that of the rules (INV5), facts and hashes are those of a replay
    (INV6), no status goes back (INV9), every accepted order is found (INV10). Reads the logs from
    their beginning to their ends as they are at the start, and what a market in motion adds until
    it is at rest. Ends with 0 if all holds, 5 if not, 6 if it cannot be told.
    """
    opened = session(ctx)
    opened = Session(located(opened.settings), opened.transport)
    order_ids = _read_ids(accepted) if accepted else []
    meter = Meter(output.console(opened.settings, errors=True))
    with connect(opened.settings) as log:
        audited = Audit(opened, log, meter, _own_keys(opened))
        if follow:
            findings = _follow(opened, audited, order_ids, every_seconds, looks)
        else:
            findings = _once(audited, order_ids, ask_hash)
    _show(opened, findings, as_json)


def _once(audited: Audit, order_ids: Sequence[str], ask_hash: bool) -> list[Finding]:
    audited.catch_up()
    if ask_hash:
        audited.ask_hashes()
    at_rest = audited.settle()
    audited.accept(order_ids)
    return audited.judge(at_rest=at_rest)


def _follow(
    opened: Session, audited: Audit, order_ids: Sequence[str], every_seconds: float, looks: int
) -> list[Finding]:
    """A line a look; an offence is told at once, in full."""
    console = output.console(opened.settings, errors=True)
    told: set[str] = set()
    number = 0
    try:
        while True:
            audited.catch_up()
            audited.accept(order_ids)
            order_ids = ()
            findings = audited.judge(at_rest=audited.settle(LOOK_SECONDS))
            number += 1
            _tell(console, audited, findings, told)
            if number == looks:
                return findings
            time.sleep(every_seconds)
    except KeyboardInterrupt:
        return audited.findings


def _tell(console: Console, audited: Audit, findings: Sequence[Finding], told: set[str]) -> None:
    held = sum(each.verdict == "holds" for each in findings)
    records = audited.auditor.records
    console.print(f"{records:,} records, {held} of {len(findings)} promises hold")
    for finding in findings:
        if finding.first and finding.rule not in told:
            told.add(finding.rule)
            console.print(finding.first, style="bold red")


def _show(opened: Session, findings: Sequence[Finding], as_json: bool) -> None:
    rows = [{**dataclasses.asdict(each), "verdict": each.verdict} for each in findings]
    console = output.console(opened.settings)
    if as_json:
        output.print_json({"promises": rows})
    else:
        console.print(output.table(rows, COLUMNS))
        for row in rows:
            if row["first"] or row["unknown"]:
                console.print(row["first"] or f"{row['rule']}: {row['unknown']}")
    broken = [each.rule for each in findings if each.first]
    if broken:
        raise CheckFailed(f"{', '.join(broken)}: NOT as promised")
    if any(each.unknown for each in findings):
        raise CannotTell("not everything could be told")


def _own_keys(opened: Session) -> dict[str, str]:
    """The keys in the state folder, by their accounts; none for a market elsewhere."""
    keys: dict[str, str] = {}
    for role in ("provider", "consumer"):
        try:
            key = opened.key(role, role)
            with opened.client(role, role) as client:
                me: dict[str, Any] = client.get("/auth/me")
        except CommandError:
            continue
        keys[me["account_id"]] = key
    return keys


def _read_ids(file: Path) -> list[str]:
    try:
        return [line.strip() for line in file.read_text().splitlines() if line.strip()]
    except OSError as error:
        raise BadUsage(f"--accepted: {file} cannot be read: {error.strerror}") from error
