"""What the logs hold once the market is at rest: every topic read once."""

from collections import defaultdict
from collections.abc import Iterator

from schemas.names import ACCOUNTS_COMMANDS, BOOKS_COMMANDS, FACT_TOPICS
from tests.sim.log import CODEC, Broker
from udfs.audit.facts import Fact, Number, number_of
from udfs.audit.offence import offend


class Told:
    """Facts by their numbers, commands by the machine whose log they are in."""

    def __init__(self, broker: Broker) -> None:
        self.facts: dict[Number, tuple[str, Fact]] = {}
        """Kind and fact."""
        self._texts: dict[Number, bytes] = {}
        for kind, topic in FACT_TOPICS.items():
            self._read_facts(broker, kind, topic)
        self.logs = {topic: _log(broker, topic) for topic in (ACCOUNTS_COMMANDS, BOOKS_COMMANDS)}

    def of(self, *kinds: str) -> Iterator[Fact]:
        """The facts of some kinds."""
        for kind, fact in self.facts.values():
            if kind in kinds:
                yield fact

    def in_time(self) -> Iterator[tuple[str, Fact]]:
        """Every fact, by its machine's time; those of one machine in their order."""
        for number in sorted(self.facts, key=lambda number: (self._at_ms(number), *number)):
            yield self.facts[number]

    def _at_ms(self, number: Number) -> int:
        at_ms: int = self.facts[number][1]["occurred_at_ms"]
        return at_ms

    def _read_facts(self, broker: Broker, kind: str, topic: str) -> None:
        """B4: whatever was told more than once was told in the same bytes."""
        decode = CODEC.decoder(topic)
        for value in dict.fromkeys(record.value for record in broker.read(topic)):
            fact = decode(value)
            number = number_of(fact)
            if self._texts.setdefault(number, value) != value:
                before = self.facts[number][1]
                offend("B4", f"{number} was told as {before} and as {kind} {fact}")
            self.facts[number] = kind, fact


def _log(broker: Broker, topic: str) -> dict[str, list[tuple[int, Fact]]]:
    """Append time and command of every record, by its machine."""
    decode = CODEC.decoder(topic)
    commands: dict[str, list[tuple[int, Fact]]] = defaultdict(list)
    decoded: dict[bytes, Fact] = {}
    for record in broker.read(topic):
        if record.value not in decoded:
            decoded[record.value] = decode(record.value)
        commands[record.key.decode()].append((record.at_ms, decoded[record.value]))
    return commands
