import io

from rich.console import Console

from cli.meter import Meter


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def made(is_terminal: bool) -> tuple[Meter, Clock, io.StringIO]:
    clock, out = Clock(), io.StringIO()
    console = Console(file=out, force_terminal=is_terminal, width=100, highlight=False)
    return Meter(console, clock), clock, out


def test_it_tells_percent_and_records_a_second() -> None:
    meter, clock, out = made(is_terminal=False)
    watch = meter.begin("facts")
    watch.expect(40_000)
    watch.advance(5_000)
    clock.now = 10.0
    watch.advance(5_000)
    watch.expect(10_000)
    clock.now = 12.0
    watch.advance(1)
    assert out.getvalue() == "facts: 25 %, 10,000 of 40,000 records, 1,000 a second\n"
    assert meter.line() == "facts: 20 %, 10,001 of 50,000 records, 833 a second"
    meter.end()
    assert out.getvalue().count("\n") == 1


def test_what_is_quick_is_not_worth_a_word() -> None:
    meter, _, out = made(is_terminal=False)
    meter.begin("facts").advance(100)
    assert out.getvalue() == ""


def test_a_terminal_has_one_line_that_goes() -> None:
    meter, clock, out = made(is_terminal=True)
    meter.begin("facts").expect(2)
    for second in (1, 2):
        clock.now = second
        meter.advance(1)
    meter.end()
    assert out.getvalue().count("\n") == 0
    assert out.getvalue().endswith("\r\x1b[2K")
