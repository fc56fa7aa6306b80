"""`gpubroker doctor`: what is wrong, why it matters, and what to do."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from cli import output
from cli.doctor import stuck
from cli.doctor.collectors import observe
from cli.doctor.judgement import Finding, is_healthy, judge
from cli.doctor.observations import Observations
from cli.errors import CHECK_FAILED
from cli.options import AsJson, session

STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold"}


def doctor(
    ctx: typer.Context,
    skip: Annotated[
        str, typer.Option(help="Take the record TOPIC:PARTITION:OFFSET that stops a job away.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with the market, why it matters and what to do; exit code 5 if anything."""
    opened = session(ctx)
    if skip:
        done = {"skipped": skip, "detail": stuck.skip(opened.settings, skip)}
        output.show(opened.settings, done, as_json, lambda done: done["detail"])
        return
    seen = observe(opened.settings)
    findings = judge(seen)
    healthy = is_healthy(findings)
    if as_json:
        told = [dataclasses.asdict(finding) for finding in findings]
        output.print_json({"healthy": healthy, "market": seen.market, "findings": told})
    else:
        show(output.console(opened.settings), seen, findings)
    if not healthy:
        raise typer.Exit(CHECK_FAILED)


def show(console: Console, seen: Observations, findings: Sequence[Finding]) -> None:
    """The findings for people, the worst first, then the verdict."""
    for finding in findings:
        console.print(
            Text.assemble((finding.severity, STYLES[finding.severity]), " ", finding.what)
        )
        for line in finding.details:
            console.print(Text(f"    {line}"))
        console.print(Text(f"    why: {finding.why}"))
        console.print(Text(f"    do:  {finding.do}\n"))
    console.print(Text(verdict(seen, findings)))


def verdict(seen: Observations, findings: Sequence[Finding]) -> str:
    """One line: healthy, or how many findings there are."""
    if is_healthy(findings):
        counts = {"program": seen.servers, "service": seen.services, "job": seen.jobs or ()}
        return "healthy: " + ", ".join(plural(len(each), one) for one, each in counts.items())
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = sum(finding.severity == "warning" for finding in findings)
    return f"{plural(errors, 'error')}, {plural(warnings, 'warning')}"


def plural(count: int, word: str) -> str:
    """So many of something."""
    return f"{count} {word}" + ("" if count == 1 else "s")
