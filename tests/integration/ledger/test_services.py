from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection

from apps.ledger import selectors, services
from apps.ledger.domain.chart import Role
from apps.ledger.models import Account, Journal, LedgerEntry
from apps.ledger.services import Posting, PostingLine, posting

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
SALE = (
    PostingLine(role=Role.RECEIVABLE, amount=Decimal("119.00")),
    PostingLine(role=Role.REVENUE_ENERGY, amount=Decimal("-100.00")),
    PostingLine(role=Role.VAT_PAYABLE, amount=Decimal("-19.00")),
)


def post(entity, *, key="invoice:1:issued", lines=SALE, currency="EUR"):
    return services.post(
        entity_id=entity.pk,
        key=key,
        posted_on=date(2026, 3, 31),
        tax_date=date(2026, 3, 31),
        text="Invoice INV-2026-000001",
        lines=lines,
        currency=currency,
        at=NOON,
    )


def nothing_was_posted() -> bool:
    return not Journal.objects.exists() and not LedgerEntry.objects.exists()


class TestPost:
    def test_writes_each_line_to_its_roles_account(self, entity):
        journal = post(entity)

        entries = list(journal.entries.values_list("account__code", "account__kind", "amount", "currency"))
        assert entries == [
            ("1200", "asset", Decimal("119.00"), "EUR"),
            ("4000", "income", Decimal("-100.00"), "EUR"),
            ("2200", "liability", Decimal("-19.00"), "EUR"),
        ]
        connection.check_constraints()

    def test_twice_is_once(self, entity):
        first = post(entity)
        again = post(entity)

        assert first == again
        assert Journal.objects.count() == 1
        assert LedgerEntry.objects.count() == 3

    def test_opens_an_account_once(self, entity):
        post(entity, key="invoice:1:issued")
        post(entity, key="invoice:2:issued")

        assert Account.objects.count() == 3

    def test_refuses_an_unbalanced_journal_and_writes_nothing(self, entity):
        with pytest.raises(services.UnbalancedJournal):
            post(entity, lines=SALE[:2])

        assert nothing_was_posted()

    def test_refuses_a_key_that_says_something_else(self, entity):
        post(entity)
        other = (
            PostingLine(role=Role.RECEIVABLE, amount=Decimal("1.00")),
            PostingLine(role=Role.REVENUE_ENERGY, amount=Decimal("-1.00")),
        )

        with pytest.raises(services.KeyReused):
            post(entity, lines=other)

        assert LedgerEntry.objects.count() == 3

    def test_leaves_out_lines_of_zero(self, entity):
        lines = (
            PostingLine(role=Role.RECEIVABLE, amount=Decimal("5.00")),
            PostingLine(role=Role.REVENUE_ENERGY, amount=Decimal("-5.00")),
            PostingLine(role=Role.VAT_PAYABLE, amount=Decimal("0.00")),
        )

        journal = post(entity, lines=lines)

        assert journal.entries.count() == 2

    def test_keeps_a_journal_of_nothing_as_a_sign(self, entity):
        lines = (PostingLine(role=Role.RECEIVABLE, amount=Decimal("0.00")),)

        journal = post(entity, lines=lines)

        assert journal.entries.count() == 0

    def test_one_key_stands_in_each_entitys_books(self, entity, other_entity):
        assert post(entity) != post(other_entity)

    @pytest.mark.parametrize(("currency", "amount"), [("JPY", "100"), ("KWD", "1.234")])
    def test_takes_currencies_with_no_and_three_decimals(self, entity, currency, amount):
        lines = (
            PostingLine(role=Role.RECEIVABLE, amount=Decimal(amount)),
            PostingLine(role=Role.REVENUE_ENERGY, amount=-Decimal(amount)),
        )

        post(entity, lines=lines, currency=currency)

        assert selectors.balance(entity_id=entity.pk, role=Role.RECEIVABLE, currency=currency) == Decimal(amount)


class TestPostAll:
    def postings(self, *keys):
        day = date(2026, 3, 31)
        return [Posting(key=key, posted_on=day, tax_date=day, text="", lines=SALE, currency="EUR") for key in keys]

    def post(self, entity, *keys):
        return services.post_all(entity_id=entity.pk, postings=self.postings(*keys), at=NOON)

    def test_posts_what_is_new_and_returns_what_is_there_in_the_order_asked(self, entity, django_assert_num_queries):
        first = self.post(entity, "b")

        with django_assert_num_queries(10):
            journals = self.post(entity, "a", "b", "c")

        assert [journal.key for journal in journals] == ["a", "b", "c"]
        assert journals[1] == first[0]
        assert [journal.entries.count() for journal in journals] == [3, 3, 3]
        connection.check_constraints()

    def test_finds_what_somebody_else_posted_at_the_same_moment(self, entity, monkeypatch):
        (first,) = self.post(entity, "a")
        looks = iter([{}])
        known = posting._known
        monkeypatch.setattr(posting, "_known", lambda *asked: next(looks, None) or known(*asked))

        again = self.post(entity, "a", "b")

        assert again[0] == first
        assert LedgerEntry.objects.count() == 6

    def test_posts_none_where_one_does_not_balance(self, entity):
        good, bad = self.postings("a", "b")

        with pytest.raises(services.UnbalancedJournal):
            services.post_all(entity_id=entity.pk, postings=[good, replace(bad, lines=SALE[:2])], at=NOON)

        assert nothing_was_posted()


class TestSelectors:
    def test_balance_of_an_unused_account_is_zero(self, entity):
        assert selectors.balance(entity_id=entity.pk, role=Role.BANK, currency="EUR") == Decimal(0)

    def test_balance_sees_one_entity_and_one_currency_only(self, entity, other_entity):
        post(entity)
        post(other_entity)

        assert selectors.balance(entity_id=entity.pk, role=Role.RECEIVABLE, currency="EUR") == Decimal("119.00")
        assert selectors.balance(entity_id=entity.pk, role=Role.RECEIVABLE, currency="CHF") == Decimal(0)

    def test_trial_balance_shows_turnovers_by_code_and_sums_to_zero(self, entity):
        post(entity, key="invoice:1:issued")
        post(entity, key="invoice:2:issued")
        post(entity, key="invoice:3:issued", lines=[replace(line, amount=-line.amount) for line in SALE])

        rows = selectors.trial_balance(entity=entity)

        assert [(row.account.code, row.debit, row.credit, row.balance) for row in rows] == [
            ("1200", Decimal("238.00"), Decimal("119.00"), Decimal("119.00")),
            ("2200", Decimal("19.00"), Decimal("38.00"), Decimal("-19.00")),
            ("4000", Decimal("100.00"), Decimal("200.00"), Decimal("-100.00")),
        ]
        assert sum(row.balance for row in rows) == Decimal(0)
