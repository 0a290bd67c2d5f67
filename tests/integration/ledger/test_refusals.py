"""What the database itself refuses in the books, whoever asks."""

from decimal import Decimal

import pytest

from apps.ledger.models import Account, Journal, LedgerEntry
from tests.integration.ledger.refusal import refuses
from tests.integration.ledger.test_services import post

ADD_ENTRY = "INSERT INTO ledger_ledgerentry (journal_id, account_id, currency, amount) VALUES (%s, %s, %s, %s)"


class TestJournals:
    def test_are_never_changed_or_deleted(self, entity):
        post(entity)

        refuses("UPDATE ledger_journal SET text = 'x'", says="journals are never changed or deleted")
        refuses("DELETE FROM ledger_ledgerentry", says="ledger entries are never changed or deleted")
        refuses("UPDATE ledger_ledgerentry SET amount = amount + 1", says="ledger entries are never changed or deleted")
        assert Journal.objects.count() == 1

    def test_have_one_key_per_entity(self, entity):
        post(entity)

        refuses(
            "INSERT INTO ledger_journal (entity_id, key, posted_on, tax_date, text, created_at)"
            " SELECT entity_id, key, posted_on, tax_date, text, created_at FROM ledger_journal",
            says="journal_key_unique_per_entity",
        )

    def test_balance_at_commit(self, entity):
        journal = post(entity)
        account = Account.objects.first()

        refuses(ADD_ENTRY, journal.pk, account.pk, "EUR", Decimal("1.00"), says="does not balance")
        assert LedgerEntry.objects.count() == 3

    def test_balance_in_each_currency(self, entity):
        journal = post(entity)
        account = Account.objects.first()

        refuses(
            f"{ADD_ENTRY}, (%s, %s, %s, %s)",
            *(journal.pk, account.pk, "EUR", Decimal("1.00")),
            *(journal.pk, account.pk, "USD", Decimal("-1.00")),
            says="does not balance",
        )

    @pytest.mark.django_db(transaction=True)
    def test_get_no_more_entries_once_posted(self, entity):
        journal = post(entity)
        revenue, vat = Account.objects.get(code="4000"), Account.objects.get(code="2200")

        refuses(
            f"{ADD_ENTRY}, (%s, %s, %s, %s)",
            *(journal.pk, revenue.pk, "EUR", Decimal("-5.00")),
            *(journal.pk, vat.pk, "EUR", Decimal("5.00")),
            says="a posted journal gets no more entries",
        )
        assert LedgerEntry.objects.count() == 3

    def test_never_span_two_entities(self, entity, other_entity):
        journal = post(entity)
        post(other_entity)
        foreign = Account.objects.filter(entity=other_entity).first()

        refuses(ADD_ENTRY, journal.pk, foreign.pk, "EUR", Decimal("1.00"), says="never spans two entities")


class TestEntries:
    @pytest.mark.parametrize(
        ("amount", "currency", "constraint"),
        [
            ("0", "EUR", "entry_amount_is_not_zero"),
            ("0.005", "EUR", "entry_amount_is_rounded"),
            ("0.5", "JPY", "entry_amount_is_rounded"),
        ],
    )
    def test_are_rounded_and_not_zero(self, entity, amount, currency, constraint):
        journal = post(entity)

        refuses(ADD_ENTRY, journal.pk, Account.objects.first().pk, currency, Decimal(amount), says=constraint)


class TestAccounts:
    def test_have_one_code_per_entity(self, entity):
        post(entity)

        refuses(
            "INSERT INTO ledger_account (entity_id, code, name, kind)"
            " SELECT entity_id, code, name, kind FROM ledger_account",
            says="account_code_unique_per_entity",
        )
