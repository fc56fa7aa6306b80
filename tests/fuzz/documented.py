"""Cases that schemathesis makes from the OpenAPI document, by operation and in sequences.

The document says of a GPU type only what letters it may have. So that cases get past the catalogue,
the names in it are put in as the only choice; what is no name of ours, negative cases send. And
it says nothing of keys here, else most of the negative cases were about them: each has a good one.
Cases about keys are those of `tests/api/test_openapi.py` and `tests/api/test_misuse.py`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Flaky
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance

from query_api.app import ENDPOINTS
from query_api.documentation import openapi
from schemas.contract import catalogue
from tests.fuzz.arena import Arena

EXCLUDED: Final = [positive_data_acceptance]
"""Combinations of fields, time and what there is decide too, which no schema says."""
LONGEST: Final = 2_000
"""Characters of a finding that are told."""
REFUSALS: Final = ["400", "401", "403", "404", "405", "409", "413", "415", "422"]
"""What a case against the document may be answered with; such may also be too large."""
STEPS: Final = 8
"""Of a sequence."""
NAMES: Final = {
    "gpu_type": catalogue().gpu_types,
    "model": catalogue().gpu_types,
    "region": catalogue().regions,
    "book_id": [f"{each}.ondemand" for each in catalogue().gpu_types],
}


_CONFIG: Final = SchemathesisConfig.from_dict(
    {"checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}}}
)


def narrowed(document: Any) -> Any:
    """The document with the catalogue's names as the only ones."""
    if isinstance(document, list):
        return [narrowed(each) for each in document]
    if not isinstance(document, Mapping):
        return document
    made = {name: narrowed(each) for name, each in document.items()}
    for name, field in made.get("properties", {}).items():
        if name in NAMES and "pattern" in str(field):
            made["properties"][name] = {"anyOf": [{"enum": [*NAMES[name]]}, *_null(field)]}
    if made.get("in") in ("path", "query") and made["name"] in NAMES:
        # Of a name that is none, a query finds nothing: it need not be refused.
        others = [made["schema"]] if made["in"] == "query" else []
        made["schema"] = {"anyOf": [{"enum": [*NAMES[made["name"]]]}, *others]}
    return made


def _null(field: Mapping[str, Any]) -> list[Any]:
    return [each for each in field.get("anyOf", ()) if each == {"type": "null"}]


def schema_of(arena: Arena) -> BaseSchema:
    """The API's own document, its cases sent to the arena."""
    document = openapi(ENDPOINTS)
    del document["security"]
    schema = schemathesis.openapi.from_dict(narrowed(document), config=_CONFIG)
    schema.app = arena
    return schema


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


class Documented:
    """Cases of each operation by itself, good and bad, under all checks."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._schema = schema_of(arena)
        self._strategies = [
            operation.as_strategy(GenerationMode.POSITIVE)
            | operation.as_strategy(GenerationMode.NEGATIVE)
            for operation in self._operations()
        ]

    def _operations(self) -> Iterator[Any]:
        return (result.ok() for result in self._schema.get_all_operations())

    def round(self, number: int, examples: int) -> None:
        """So many cases of each operation; what they find is among what the arena tells."""
        for strategy in self._strategies:
            self._arena.renew()

            @seed(number)
            @_settings(examples)
            @given(case=strategy)
            def check(case: Case) -> None:
                case.call_and_validate(headers=_key(self._arena), excluded_checks=EXCLUDED)

            _found(self._arena, check)


class Sequences:
    """Cases that go on with what answers told: ids of what was made are used and used again."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        base = schema_of(arena).as_state_machine()

        class Walk(base):  # type: ignore[misc, valid-type]
            def setup(self) -> None:
                arena.renew(asked=1)

            def get_call_kwargs(self, case: Case) -> dict[str, Any]:
                return {"headers": _key(arena)}

            def validate_response(self, response: Any, case: Case, **more: Any) -> None:
                case.validate_response(response, excluded_checks=EXCLUDED, transport_kwargs=more)

        self._walk = Walk

    def round(self, number: int, examples: int) -> None:
        """So many sequences."""
        walk = seed(number)(self._walk)
        _found(self._arena, lambda: walk.run(settings=_settings(examples)))


def _key(arena: Arena) -> dict[str, str]:
    return {"Authorization": f"Bearer {arena.key}"}


def _found(arena: Arena, check: Any) -> None:
    """Run the check; what it finds is noted, and the next one may begin."""
    try:
        check()
    except FailureGroup as group:
        arena.told.flaws += _texts(group)
    except Flaky as error:
        # A market goes on: what is sent again may not be answered as before.
        arena.told.flaws += _texts(error.__context__)


def _texts(error: BaseException | None) -> list[str]:
    return [error.message[:LONGEST]] if isinstance(error, FailureGroup) else []
