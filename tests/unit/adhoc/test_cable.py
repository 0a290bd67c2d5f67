"""When a driver may have a cable unlocked."""

from datetime import timedelta

import pytest

from apps.adhoc.domain.cable import IN_REACH, CableFacts, cable_word

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({}, "ready"),
        ({"since_end": None}, "not_yet"),
        ({"since_end": IN_REACH + MINUTE}, "over"),
        ({"is_last": False}, "over"),
        ({"is_last": False, "tries": ("accepted",)}, "over"),
        ({"is_online": False}, "offline"),
        ({"tries": ("requested",)}, "asked"),
        ({"tries": ("rejected", "sent")}, "asked"),
        ({"tries": ("rejected", "accepted")}, "let_go"),
        ({"tries": ("accepted", "timed_out")}, "failed"),
        ({"tries": ("rejected", "rejected", "accepted")}, "spent"),
    ],
)
def test_is_said_in_one_word(changed, word):
    facts = CableFacts(**{"since_end": MINUTE, "is_last": True, "is_online": True, **changed})

    assert cable_word(facts) == word
    assert cable_word(facts).may_ask is (word in {"ready", "let_go", "failed"})
