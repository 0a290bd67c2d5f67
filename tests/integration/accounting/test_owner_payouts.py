"""What is left of a statement leaves by bank: a file that a bank can read, asked for once, and both books."""

from datetime import timedelta
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from django.db import IntegrityError, transaction

from apps.accounting.models import OwnerPayout, PayoutFile
from apps.accounting.selectors_settlement import payables
from apps.accounting.services.owner_payouts import (
    NotPayable,
    make_payout_file,
    mark_executed,
    mark_not_executed,
)
from apps.accounts.models import Organisation
from apps.ledger.models import Journal
from tests.factories import make_user
from tests.integration.payments.conftest import NOON, journals
from tests.integration.payments.drivers import violations

from .conftest import collect, next_month
from .test_collecting import due
from .test_settlement import SETTLED_AT, settle

pytestmark = pytest.mark.django_db
SEPA = {"s": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}


@pytest.fixture
def payout(sandbox, site, by_bank) -> OwnerPayout:
    """8.52: 10.00 collected, 1.24 and 19 % VAT kept."""
    collect(site)
    return settle(by_bank).payout


def make_file(*payouts: OwnerPayout, by=None) -> PayoutFile:
    return make_payout_file(
        payout_ids=[payout.pk for payout in payouts],
        execution_date=SETTLED_AT.date() + timedelta(days=1),
        by=by,
        at=SETTLED_AT,
    )


def text(file: PayoutFile, path: str) -> str | None:
    return ElementTree.fromstring(bytes(file.content)).findtext(path, namespaces=SEPA)


class TestPayoutFile:
    def test_says_who_pays_whom_how_much(self, site, platform, payout):
        person = make_user()

        file = make_file(payout, by=person)

        assert (file.platform, file.made_by) == (platform, person)
        assert text(file, ".//s:GrpHdr/s:MsgId") == file.message_id
        assert text(file, ".//s:GrpHdr/s:CtrlSum") == "8.52"
        assert text(file, ".//s:DbtrAcct/s:Id/s:IBAN") == "DE89370400440532013000"
        assert text(file, ".//s:CdtrAcct/s:Id/s:IBAN") == site.owner.iban
        assert text(file, ".//s:CdtTrfTxInf/s:Amt/s:InstdAmt") == "8.52"
        assert text(file, ".//s:EndToEndId") == f"WL-PAYOUT-{payout.pk}"
        payout.refresh_from_db()
        assert (payout.status, payout.file) == ("in_file", file)
        # Nothing has moved yet.
        assert due(platform, site.owner) == (Decimal("8.52"), Decimal("8.52"))

    def test_writes_any_name_in_the_banks_letters(self, site, payout):
        Organisation.objects.filter(pk=site.owner.pk).update(name="Größe & <Söhne> 充電 " + "x" * 170)

        file = make_file(payout)

        name = text(file, ".//s:Cdtr/s:Nm")
        assert name.startswith("Groesse Soehne Chong Dian xxx")
        assert len(name) <= 70

    def test_asks_for_a_payout_once(self, payout):
        make_file(payout)

        with pytest.raises(NotPayable, match="is in file already"):
            make_file(payout)

        assert PayoutFile.objects.count() == 1

    def test_is_refused_without_an_account_to_pay_to(self, site, payout):
        Organisation.objects.filter(pk=site.owner.pk).update(iban="DE00")

        with pytest.raises(NotPayable, match="has no valid IBAN"):
            make_file(payout)

        payout.refresh_from_db()
        assert (PayoutFile.objects.count(), payout.status) == (0, "due")

    def test_of_nothing_is_refused(self, db):
        with pytest.raises(NotPayable, match="nothing to pay out"):
            make_file()

        assert PayoutFile.objects.count() == 0

    def test_keeps_its_bytes(self, payout):
        file = make_file(payout)

        file.content = b"other"
        with pytest.raises(IntegrityError, match="payout files are never changed"), transaction.atomic():
            file.save()

        file.refresh_from_db()
        assert bytes(file.content).startswith(b"<?xml")


class TestExecuted:
    def test_is_posted_in_both_books_once(self, site, platform, payout):
        make_file(payout)

        mark_executed(payout_id=payout.pk, by=None, at=SETTLED_AT)
        mark_executed(payout_id=payout.pk, by=None, at=SETTLED_AT)

        key = f"owner_payout:{payout.pk}:executed"
        assert journals(platform)[key] == {f"2300-{site.owner.pk}": Decimal("8.52"), "1000": Decimal("-8.52")}
        assert journals(site.owner)[key] == {"1000": Decimal("8.52"), f"1210-{platform.pk}": Decimal("-8.52")}
        assert due(platform, site.owner) == (Decimal(0), Decimal(0))
        assert payables(Organisation.objects.filter(pk=platform.pk)) == []
        assert violations() == []

    def test_needs_a_file(self, payout):
        with pytest.raises(NotPayable, match="only what a file asked"):
            mark_executed(payout_id=payout.pk, by=None, at=SETTLED_AT)

        assert not Journal.objects.filter(key__startswith="owner_payout").exists()

    def test_by_no_bank_stays_due_to_the_next_statement(self, site, platform, by_bank, payout):
        make_file(payout)

        mark_not_executed(payout_id=payout.pk, at=SETTLED_AT)
        later = settle(by_bank, month=SETTLED_AT.date().replace(day=1), at=next_month(SETTLED_AT))

        assert later.payout.amount.amount == Decimal("8.52")
        with pytest.raises(NotPayable):
            mark_executed(payout_id=payout.pk, by=None, at=SETTLED_AT)
        assert due(platform, site.owner) == (Decimal("8.52"), Decimal("8.52"))


class TestNextStatement:
    def test_takes_the_place_of_what_was_not_sent(self, by_bank, payout):
        later = settle(by_bank, month=SETTLED_AT.date().replace(day=1), at=next_month(SETTLED_AT))

        payout.refresh_from_db()
        assert (payout.status, later.payout.status) == ("superseded", "due")
        assert later.payout.amount == payout.amount

    def test_does_not_ask_again_for_what_a_file_asks_for(self, by_bank, payout):
        make_file(payout)

        later = settle(by_bank, month=SETTLED_AT.date().replace(day=1), at=next_month(SETTLED_AT))

        assert later.closing.amount == Decimal("8.52")
        assert not OwnerPayout.objects.filter(status="due").exists()


class TestPayables:
    def test_lists_what_is_due_by_the_books(self, site, platform, payout):
        (row,) = payables(Organisation.objects.filter(pk=platform.pk))

        assert (row.owner, row.platform, row.due, row.in_file) == (site.owner, platform, Decimal("8.52"), Decimal(0))
        assert NOON < SETTLED_AT
