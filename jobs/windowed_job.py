"""What makes a job over several topics, beside the machine jobs of `jobs.keyed_machine`."""

from dataclasses import dataclass

from schemas import contract


@dataclass(frozen=True, slots=True)
class WindowedJob:
    """Its name, and which records it reads; the functions come with it when it is submitted."""

    name: str
    title: str
    """As Flink's web page shows it."""
    wanted: str
    """SQL over `topic` and `record_key`: which records of its topics it reads."""

    @property
    def state_name(self) -> str:
        """The name under which its state is saved."""
        return self.name

    @property
    def accepts(self) -> tuple[str, ...]:
        """Nothing may be amiss with its state."""
        return ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The topics that it reads, as topics.toml has them."""
        return tuple(t.name for t in contract.topics().values() if self.name in t.readers)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The topics that it writes, as topics.toml has them."""
        return tuple(t.name for t in contract.topics().values() if self.name in t.writers)
