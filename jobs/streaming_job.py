"""What every streaming job has, whatever it is made of: a name, topics, a name for its state."""

from dataclasses import dataclass

from schemas import contract


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingJob:
    """A job that Flink runs; `MachineJob`, `SqlJob` and `WindowedJob` say of what."""

    name: str
    title: str
    """As Flink's web page shows it."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The topics that it reads, as topics.toml has them."""
        return tuple(t.name for t in contract.topics().values() if self.name in t.readers)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The topics that it writes, as topics.toml has them."""
        return tuple(t.name for t in contract.topics().values() if self.name in t.writers)

    @property
    def group(self) -> str:
        """The consumer group in which it commits offsets, at each checkpoint."""
        return f"gpubroker-{self.name}"

    @property
    def state_name(self) -> str:
        """The name under which its state is saved."""
        return self.name

    @property
    def accepts(self) -> tuple[str, ...]:
        """What its state may lack all the same, of `saved_state.ACCEPTABLE`: as a rule nothing."""
        return ()
