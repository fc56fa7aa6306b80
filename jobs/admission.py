"""The admission job: each account's machine over `accounts.commands`. Wiring only."""

from jobs.keyed_machine import MachineJob
from schemas.names import ACCOUNTS_COMMANDS
from udfs.admission import MACHINE

JOB = MachineJob(
    name="admission",
    title="admission: accounts.commands → accounts",
    machine=MACHINE,
    log=ACCOUNTS_COMMANDS,
)
