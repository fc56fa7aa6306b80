"""What makes a job over several topics, beside the machine jobs of `jobs.keyed_machine`."""

from dataclasses import dataclass

from jobs.streaming_job import StreamingJob


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowedJob(StreamingJob):
    """Which records of its topics it reads; the functions come with it when it is submitted."""

    wanted: str
    """SQL over `topic` and `log_key`."""

    @property
    def state_name(self) -> str:
        """The name under which its state is saved: another one than with other steps before it.

        What the SQL windows held that gathered its records until decision 0046 fits no step now.
        """
        return f"{self.name}-gathered"
