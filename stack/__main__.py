"""`python -m stack`, for developers of the stack itself; people use `gpubroker`."""

import argparse
import sys

import stack
from schemas.settings import from_environment
from stack import artifacts


def main() -> int:
    """Runs one command; a refusal is one line on the error output and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m stack", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "status", "relock"))
    parser.add_argument("--only", nargs="+", metavar="NAME", help="`servers`, or programs")
    arguments = parser.parse_args()
    only = "servers" if arguments.only == ["servers"] else arguments.only
    try:
        _run(arguments.command, only)
    except stack.StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(command: str, only: str | list[str] | None) -> None:
    settings = from_environment()
    match command:
        case "up":
            print(stack.environment_path(stack.up(settings, only)))
        case "down":
            stack.down(settings)
        case "relock":
            artifacts.relock()
        case "status":
            for row in stack.status(settings):
                memory = f"{row.memory_bytes >> 20} MB" if row.pid else ""
                print(f"{row.name:20} {row.state:10} {row.port or '':>6} {memory:>8} {row.message}")


if __name__ == "__main__":
    sys.exit(main())
