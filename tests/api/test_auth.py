"""Who calls: one question to the store for all who call at once, and no answer from before."""

import asyncio

import pytest

from query_api import auth
from query_api.adapters.memory import MemoryClock
from query_api.auth import Authenticator
from query_api.ports import Principal
from query_api.problems import Problem

PRINCIPAL = Principal("k", "a", frozenset(), frozenset(), None)
HEADER = "Bearer gpb_1"


class SlowKeys:
    """A store that answers when the test says so."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: Principal | None = PRINCIPAL
        self.may_answer = asyncio.Event()

    async def principal(self, key_hash: bytes) -> Principal | None:
        self.asked += 1
        answer = self.answer
        await self.may_answer.wait()
        return answer


async def test_all_who_call_at_once_with_a_key_share_one_question() -> None:
    keys = SlowKeys()
    authenticator = Authenticator(keys, MemoryClock())
    calls = [asyncio.ensure_future(authenticator.principal(HEADER)) for _ in range(50)]
    await asyncio.sleep(0)
    calls.pop().cancel()
    keys.may_answer.set()
    assert await asyncio.gather(*calls) == [PRINCIPAL] * 49
    assert await authenticator.principal(HEADER) == PRINCIPAL
    assert keys.asked == 1


async def test_an_unknown_key_is_refused_to_all_of_them() -> None:
    keys = SlowKeys()
    keys.answer = None
    keys.may_answer.set()
    authenticator = Authenticator(keys, MemoryClock())
    calls = [authenticator.principal(HEADER) for _ in range(3)]
    told = await asyncio.gather(*calls, return_exceptions=True)
    assert [each.status for each in told if isinstance(each, Problem)] == [401] * 3


async def test_an_answer_from_before_a_revocation_is_not_kept() -> None:
    keys = SlowKeys()
    authenticator = Authenticator(keys, MemoryClock())
    early = asyncio.ensure_future(authenticator.principal(HEADER))
    await asyncio.sleep(0.01)
    keys.answer = None
    authenticator.forget()
    keys.may_answer.set()
    assert await early == PRINCIPAL
    with pytest.raises(Problem):
        await authenticator.principal(HEADER)


async def test_questions_about_unknown_keys_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr(auth, "MAX_ASKING", 5)
    keys = SlowKeys()
    authenticator = Authenticator(keys, MemoryClock())
    calls = [asyncio.ensure_future(authenticator.principal(f"Bearer {n}")) for n in range(8)]
    await asyncio.sleep(0)
    keys.may_answer.set()
    told = await asyncio.gather(*calls, return_exceptions=True)
    assert told[:5] == [PRINCIPAL] * 5
    assert [(each.status, each.code) for each in told[5:]] == [(429, "OVERLOADED")] * 3
