"""The limits of this deployment, from its settings."""

from collections.abc import Mapping
from dataclasses import dataclass

from query_api.quotas import Kind, Policies
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be asked, and how much may be on its way."""

    policies: Mapping[Kind, Policies]
    most_in_flight: int
    """Requests at once in one process."""
    target_seconds: float
    """From log to fact, what a standing queue may cost an order."""

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """The limits that the settings say."""
        return cls(
            {"commands": _policies("commands", settings), "reads": _policies("reads", settings)},
            settings.positive("API_MAX_IN_FLIGHT"),
            settings.positive("OVERLOAD_TARGET_MS") / 1000,
        )


def _policies(kind: Kind, settings: Settings) -> Policies:
    return Policies.of(
        kind,
        settings.positive(f"RATE_KEY_{kind.upper()}"),
        settings.positive(f"RATE_ACCOUNT_{kind.upper()}"),
        settings.positive("RATE_WINDOW_SECONDS"),
    )


LIMITS = Limits.of(Settings({}))
"""Those of the settings' defaults."""
