"""Every state of money that a person may read has words."""

import pytest

from apps.payments.domain.status import AttemptStatus, OperationKind, PaymentStatus
from apps.payments.domain.status_words import attempt_in_words, operation_in_words, payment_in_words


@pytest.mark.parametrize(
    ("in_words", "states"),
    [(attempt_in_words, AttemptStatus), (payment_in_words, PaymentStatus), (operation_in_words, OperationKind)],
)
def test_each_state_has_words_of_its_own_and_none_of_a_machine(in_words, states):
    words = [in_words(state.value) for state in states]

    assert len(set(words)) == len(words)
    assert not [one for one in words if "_" in one]
