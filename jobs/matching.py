"""The matching job: each book's machine over `books.commands`. Wiring only."""

from jobs.keyed_machine import MachineJob
from schemas.names import BOOKS_COMMANDS
from udfs.matching import MACHINE

JOB = MachineJob(
    name="matching",
    title="matching: books.commands → books",
    machine=MACHINE,
    log=BOOKS_COMMANDS,
)
