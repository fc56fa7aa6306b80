"""The codec as the jobs get it, from the registry.

A module of its own that imports little: the TaskManager loads it anew after each failure, and what
it loads, the market waits for.
"""

from jobs.refused import Refused
from schemas import registry
from schemas.codec import Codec
from schemas.settings import Settings


class RegistryRefused(Refused):
    """The schema registry does not answer, or does not know our schemas."""


def codec(settings: Settings) -> Codec:
    """The codec with the ids that the registry gave to our schemas.

    Its decoders wait for a registry that is away, for they must judge every record.

    Raises:
        RegistryRefused: the registry does not answer, or a schema is not registered.
    """
    try:
        return registry.connect(settings).codec(registry.PATIENCE_SECONDS)
    except LookupError as error:
        raise RegistryRefused(str(error)) from None
    except Exception as error:  # its client raises what its own HTTP library does
        raise unreachable(settings, error) from None


def registry_codec(url: str) -> Codec:
    """The codec where the job runs, from the registry and nothing else of the settings."""
    return codec(Settings({}).with_values(REGISTRY_URL=url))


def unreachable(settings: Settings, error: Exception) -> RegistryRefused:
    """What the registry's client could not do."""
    return RegistryRefused(f"schema registry at {settings.text('REGISTRY_URL')}: {error}")
