"""Random histories of money (tests/histories): whatever goes wrong on the way, both books are equal in the end."""

import logging
import time
from collections import Counter
from typing import Final
from unittest import mock

import pytest

from apps.payments.domain.status import OperationKind
from apps.payments.services import calls
from tests.histories.telling import STORIES, stage, tell

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS: Final = 20
"""For each story; ``make bench`` tells three hundred."""


@pytest.mark.parametrize("story", sorted(STORIES))
def test_each_history_ends_with_equal_books(story, caplog):
    """A history that ends wrong prints the command that tells it again."""
    caplog.set_level(logging.CRITICAL, "apps")
    seen: Counter[str] = Counter()
    with stage() as (place, sandbox):
        deadline, seed = time.monotonic() + SECONDS, 0
        while time.monotonic() < deadline:
            told = tell(story, seed, place=place, sandbox=sandbox)
            assert not told.wrong, str(told)
            seen, seed = seen + told.seen, seed + 1

    assert min(seen[what] for what in ("killed", "faults met", "charged", "events heard")) > 0


def test_a_refund_that_is_never_looked_for_is_noticed(caplog):
    """Without the look after a 500 the next key gives back twice; histories that missed that would prove little."""
    caplog.set_level(logging.CRITICAL, "apps")
    with (
        stage() as (place, sandbox),
        mock.patch.dict(calls._LOOK, {OperationKind.CREATE_REFUND: lambda _: calls.NotDone()}),
    ):
        assert any(tell("fleet", seed, place=place, sandbox=sandbox).wrong for seed in range(5, 8))
