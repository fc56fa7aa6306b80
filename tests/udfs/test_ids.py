# ruff: noqa: N802
from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import ALICE, BOB
from udfs import ids


@given(machine=st.text(), seq=st.integers(min_value=1))
def test_B4_event_id_is_uuid5_of_machine_and_sequence(machine: str, seq: int) -> None:
    namespace = UUID("7c363ccc-0044-46cc-8013-30f197f79650")
    assert ids.event_id(machine, seq) == str(uuid5(namespace, f"{machine}:{seq}"))


def test_B4_event_id_of_a_known_fact() -> None:
    assert ids.event_id("H100.ondemand", 1) == "3b78de90-fc3b-589b-ac84-ee03f577c360"


def test_O2_order_id_is_uuid5_of_account_and_client_key() -> None:
    assert ids.order_id(ALICE, "k") == str(uuid5(UUID(ALICE), "k"))
    assert ids.order_id(ALICE, "k") == ids.order_id(ALICE, "k")
    assert len({ids.order_id(ALICE, "k"), ids.order_id(BOB, "k"), ids.order_id(ALICE, "l")}) == 3
