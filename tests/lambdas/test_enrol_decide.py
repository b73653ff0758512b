"""What an event asks of the enrolment function, and what it refuses before it asks anybody."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.names import INFERENCE_ROLE, ROLE_TAG
from lambdas.enrol import INSTANCE_TAG, MAX_CSR, Enrol, EnrolmentRefused, Retire, decide
from tests.lambdas.enrolments import CSR, HOLDS, ended


@given(st.from_regex(r"i-[0-9a-f]{8,17}", fullmatch=True))
def test_an_instance_id_of_ec2_is_taken(instance_id: str) -> None:
    assert decide({"instance_id": instance_id, "csr": CSR}) == Enrol(instance_id, CSR)
    assert decide(ended(instance_id)) == Retire(instance_id)


NO_ID = st.text().filter(lambda text: not re.fullmatch("i-[0-9a-f]{8,17}", text))
NEARLY = st.sampled_from(["i-0123456", "i-0123456789abcdef01", "i-0123456789ABCDEF0", "i-01234567\n", "x-01234567"])


@given(st.one_of(NO_ID, NEARLY, st.none(), st.integers(), st.lists(st.text())))
def test_any_other_instance_id_is_refused(instance_id: object) -> None:
    """Thing, client id and topics are made of it."""
    with pytest.raises(EnrolmentRefused, match="instance id"):
        decide({"instance_id": instance_id, "csr": CSR})


NO_BASE64 = st.text(min_size=1).filter(lambda text: not re.fullmatch(r"[A-Za-z0-9+/=\r\n]*", text))


@given(st.one_of(st.text(), st.none(), st.binary(), NO_BASE64.map(lambda text: text.join(HOLDS))))
def test_a_csr_that_is_no_pem_block_is_refused(csr: object) -> None:
    with pytest.raises(EnrolmentRefused, match="csr"):
        decide({"instance_id": "i-0123456789abcdef0", "csr": csr})


def test_a_csr_of_any_length_is_not_even_read() -> None:
    just, over = (HOLDS[0] + "A" * (MAX_CSR - sum(map(len, HOLDS)) + more) + "\n" + HOLDS[1] for more in (-1, 0))
    assert decide({"instance_id": "i-01234567", "csr": just}) == Enrol("i-01234567", just)
    with pytest.raises(EnrolmentRefused, match="at most 4096"):
        decide({"instance_id": "i-01234567", "csr": over})


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "x",
        {},
        {"instance_id": "i-01234567"},
        ended("i-01234567", "stopped"),
        {"detail-type": "x", "detail": {}},
    ],
)
def test_an_event_of_another_kind_does_nothing(event: object) -> None:
    with pytest.raises(EnrolmentRefused, match="the event is invalid, nothing was done"):
        decide(event)


def test_the_tag_is_the_one_that_the_stack_gives() -> None:
    assert INSTANCE_TAG == (ROLE_TAG, INFERENCE_ROLE)
