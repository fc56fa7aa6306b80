"""Good bodies, spoiled: what Hypothesis does to them, and to the headers that go with them."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from query_api.app import ENDPOINTS
from query_api.endpoint import Endpoint
from tests.api import misuse
from tests.api.asgi import Answered, flaw
from tests.api.misuse import Raw, Twice, written

WITH_BODY: Final = [each for each in ENDPOINTS if each.body]


class Request(NamedTuple):
    """What is sent, but for the key."""

    endpoint: Endpoint
    target: str
    headers: dict[str, str]
    body: bytes


Send = Callable[[Request], Answered]
TEXTS: Final = st.text(max_size=20) | st.sampled_from(
    [
        *misuse.look_alikes("H100"),
        *misuse.look_alikes("us-west-2"),
        "2026-01-05T08:00:00Z",
        "9999-12-31T23:59:59.999999-23:59",
        "0000-00-00T00:00:00Z",
        "-9223372036854775809",
        "1e9999",
        "\u0000",
        "x" * 300,
    ]
)
LEAVES: Final = st.one_of(
    st.sampled_from([Raw(each) for each in misuse.WRONG_NUMBERS + misuse.MEASUREMENTS]),
    TEXTS,
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda each: Raw(repr(each))),
    st.decimals(allow_nan=False, allow_infinity=False).map(lambda each: Raw(str(each))),
    st.none() | st.booleans(),
)
VALUES: Final = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
HEADERS: Final = st.dictionaries(
    st.sampled_from(["Idempotency-Key", "Prefer", "Accept", "Content-Type", "X-Any"]),
    st.sampled_from(
        [*misuse.HEADER_VALUES, "wait=0", "wait=-1", "wait=9" * 50, "text/csv", "application/json"]
    )
    | st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=20),
    max_size=2,
)


@st.composite
def requests(draw: st.DrawFn, ids: Mapping[str, str]) -> Request:
    """A request to an endpoint that takes a body: mostly one that nearly could be taken."""
    endpoint = draw(st.sampled_from(WITH_BODY))
    assert endpoint.body
    body = _with_ids(dict(misuse.BODIES[endpoint.body.__name__]), ids)
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2, 3]))):
        body = draw(_spoiled(body))
    sent = written(body).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 11)) == 11:
        sent = draw(_broken(sent))
    headers = {"Content-Type": "application/json"}
    if draw(st.integers(0, 3)) == 3:
        headers |= draw(HEADERS)
    return Request(endpoint, endpoint.path.format_map(ids), headers, sent)


def _with_ids(body: dict[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """The body about what there is: ids, and names of the catalogue if they are given."""
    return {name: ids.get(name, value) for name, value in body.items()}


@st.composite
def _spoiled(draw: st.DrawFn, body: Any) -> Any:
    """The body with a value somewhere in it changed, gone, added, or there twice."""
    if not isinstance(body, dict | list) or not body or draw(st.integers(0, 7)) == 7:
        return draw(VALUES)
    if isinstance(body, list):
        at = draw(st.integers(0, len(body) - 1))
        return [draw(_spoiled(each)) if at == place else each for place, each in enumerate(body)]
    name = draw(st.sampled_from(sorted(body)))
    action = draw(st.sampled_from(["change"] * 7 + ["remove"] * 2 + ["add", "repeat"]))
    if action == "remove":
        return {each: value for each, value in body.items() if each != name}
    if action == "add":
        return body | {draw(TEXTS): draw(VALUES)}
    new = draw(_spoiled(body[name]))
    return body | {name: Twice((body[name], new)) if action == "repeat" else new}


@st.composite
def _broken(draw: st.DrawFn, sent: bytes) -> bytes:
    """The bytes cut off, with others in between, or some of them changed."""
    at = draw(st.integers(0, len(sent)))
    return draw(
        st.sampled_from(
            [
                sent[:at],
                sent[:at] + draw(st.binary(max_size=8)) + sent[at:],
                sent[:at] + draw(st.binary(max_size=8)) + sent[at + 4 :],
                sent + json.dumps(draw(st.integers())).encode(),
            ]
        )
    )


def _flaw(send: Send, request: Request) -> str:
    try:
        return flaw(request.endpoint, send(request))
    except Exception as error:  # whatever the application lets out
        return f"raised {error!r}"


def shoot(send: Send, ids: Mapping[str, str], number: int, examples: int) -> str:
    """Send so many; the smallest found with a flaw in its answer, or nothing."""

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(request=requests(ids))
    def check(request: Request) -> None:
        found = _flaw(send, request)
        assert not found, f"{found}: {request.target} {request.headers} {request.body!r}"

    try:
        check()
    except AssertionError as error:
        return str(error)
    return ""
