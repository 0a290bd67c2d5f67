"""What accounts took and gave by month is added up by pull, and is whole at every moment."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from django.db import connection, transaction

from apps.core.audit import find_violations
from apps.ledger.models import Account, AccountMonth
from apps.ledger.selectors import trial_balance
from apps.ledger.services.sums import add_up, add_up_all

from .test_services import SALE, post

pytestmark = pytest.mark.django_db


def told(entity, **period) -> list[tuple[str, Decimal, Decimal, Decimal]]:
    rows = trial_balance(entity=entity, **period)
    return [(row.account.code, row.opening, row.debit, row.credit) for row in rows]


def wrong_sums() -> list[str]:
    return [found.subject for found in find_violations() if found.invariant == "I20"]


def test_the_sums_are_the_same_before_and_after_and_between(entity, other_entity):
    post(entity, key="invoice:1:issued")
    post(other_entity, key="invoice:1:issued")
    before = told(entity)

    assert add_up(entity_id=entity.pk)
    assert told(entity) == before
    post(entity, key="invoice:2:issued", lines=[replace(line, amount=2 * line.amount) for line in SALE])
    fresh = told(entity)

    assert fresh[0] == ("1200", 0, Decimal("357.00"), 0)
    assert add_up_all() == 2
    assert add_up_all() == 2
    assert told(entity) == fresh
    assert AccountMonth.objects.filter(account__entity=entity).count() == 3
    assert wrong_sums() == []


def test_a_month_opens_with_what_was_before_it(entity):
    post(entity, key="invoice:1:issued")
    posted = entity_month(entity)
    after = date(posted.year + posted.month // 12, posted.month % 12 + 1, 1)

    for _ in range(2):
        assert told(entity, first=after)[0] == ("1200", Decimal("119.00"), 0, 0)
        assert told(entity, first=posted, end=after)[0] == ("1200", 0, Decimal("119.00"), 0)
        assert told(entity, end=posted) == []
        add_up(entity_id=entity.pk)


def entity_month(entity) -> date:
    journal = Account.objects.filter(entity=entity).earliest("pk").entries.earliest("pk").journal
    return journal.posted_on.replace(day=1)


def test_what_is_wrong_is_told_by_the_audit(entity):
    post(entity, key="invoice:1:issued")
    add_up(entity_id=entity.pk)
    row = AccountMonth.objects.filter(account__code="1200").get()

    AccountMonth.objects.filter(pk=row.pk).update(debit=row.debit + 1)
    (subject,) = wrong_sums()

    assert f"in {row.month:%Y-%m}" in subject


@pytest.mark.django_db(transaction=True)
def test_entries_that_are_not_committed_are_waited_for(entity, at_once):
    """Whoever posts holds the books: nothing is added up beside them, and nothing is left out afterwards."""
    post(entity, key="invoice:1:issued")

    def beside() -> bool:
        try:
            return add_up(entity_id=entity.pk)
        finally:
            connection.close()

    with transaction.atomic():
        post(entity, key="invoice:2:issued")
        (was_added,) = at_once(beside)
    assert not was_added
    assert add_up(entity_id=entity.pk)
    assert told(entity)[0] == ("1200", 0, Decimal("238.00"), 0)
    assert wrong_sums() == []
