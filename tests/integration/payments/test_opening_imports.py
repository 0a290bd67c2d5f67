"""Bringing opening items along by a file: each line's outcome first, then written; the same file again is a no-op."""

from decimal import Decimal

import pytest

from apps.contracts.imports import ImportRefused
from apps.ledger.models import Journal
from apps.payments import opening_imports
from apps.payments.models import BankReceipt, OpeningItem
from apps.payments.services.openings import reverse_opening_item
from tests.factories import make_user
from tests.integration.payments.test_attempt_accidents import together
from tests.unit.payments.test_opening_files import opening, read

from .conftest import NOON, make_customer, make_organisation

pytestmark = pytest.mark.django_db


def bring(seller, *lines, **wish) -> list[str]:
    """Carry lines out and return what came of each, in words."""
    rows = read(*lines).rows
    return [one.words for one in opening_imports.carry_out(seller_id=seller.pk, rows=rows, by=None, at=NOON, **wish)]


def told(seller) -> list[tuple[str, ...]]:
    return opening_imports.lines_of(OpeningItem.objects.filter(seller=seller))


class TestAFile:
    def test_brings_each_item_once_however_often_it_comes(self, seller, customer):
        lines = [
            opening(customer="C-1"),
            opening(customer="Fleet C-1", number="GS-1", amount="-20,00", note="paid twice"),
        ]
        seen = opening_imports.preview(seller_id=seller.pk, rows=read(*lines).rows, at=NOON)
        assert not OpeningItem.objects.exists()

        first, again = bring(seller, *lines), bring(seller, *lines)

        assert first == [one.words for one in seen] == ["Open for Fleet C-1: €119.00.", "Credit of Fleet C-1: €20.00."]
        assert again == ["There already, just so."] * 2
        assert (OpeningItem.objects.count(), BankReceipt.objects.count(), Journal.objects.count()) == (2, 1, 2)
        assert bring(seller, *told(seller)) == ["There already, just so."] * 2

    def test_leaves_out_what_cannot_be_and_says_why(self, seller, customer):
        for number in ("C-2", "C-3"):
            make_customer(seller, number)
        type(customer).objects.filter(number__in=["C-2", "C-3"]).update(name="Twins GmbH")
        make_customer(make_organisation("Other seller"), "K-9")
        bring(seller, opening(customer="C-1"))

        words = bring(
            seller,
            opening(customer="K-9"),
            opening(customer="Twins GmbH"),
            opening(customer="C-1", amount="91.00", note="corrected"),
            opening(customer="C-2", date="2199-01-01"),
            opening(customer="C-2", number="A-1", amount="0.001"),
            opening(customer="C-2", number="A-2", currency="XXY"),
            opening(customer="C-3", number="A-3", currency="JPY", amount="1500"),
            opening(customer="Fleet C-1", number="A-4"),
            opening(customer="C-1", number="A-4"),
        )

        assert words == [
            "You have no customer K-9.",
            "Several of your customers are called Twins GmbH: name one by number.",
            "There with another amount, note: take it back on its page first.",
            "date: this day has not come yet.",
            "amount: EUR has no such small amounts.",
            "currency: XXY is none that is known here.",
            "Open for Twins GmbH: ¥1,500.",
            "Open for Fleet C-1: €119.00.",
            "Line 9 has this document already.",
        ]
        with pytest.raises(ImportRefused, match="would be left out: 3"):
            bring(seller, opening(customer="C-1", number="A-5"), opening(customer="K-9"), whole=True)
        assert not OpeningItem.objects.filter(number="A-5").exists()

    def test_never_brings_again_by_itself_what_was_taken_back(self, seller, customer):
        line = opening(customer="C-1")
        bring(seller, line)
        item = OpeningItem.objects.get()
        reverse_opening_item(item_id=item.pk, reason="Wrong amount.", by=make_user(), at=NOON)

        assert bring(seller, line) == ["It was taken back: Wrong amount. Bring it again with another note."]
        assert bring(seller, opening(customer="C-1", amount="91.00")) == ["Open for Fleet C-1: €91.00."]
        assert bring(seller, opening(customer="C-1", amount="91.00")) == ["There already, just so."]


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_two_files_bring_an_item_once(self, seller, customer):
        answers = together(*[lambda: bring(seller, opening(customer="C-1"))] * 2)

        assert OpeningItem.objects.get().amount.amount == Decimal("119.00")
        refused = [answer for answer in answers if isinstance(answer, ImportRefused)]
        assert len(refused) + answers.count(["There already, just so."]) == 1
