"""What drivers who charge at home are paid, by bank or by payroll, and what comes from their fleet for it."""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from xml.etree.ElementTree import fromstring

import pytest

from apps.accounting.home_sheets import owed_by
from apps.accounting.models import HomeFile, HomePayout, HomeReceipt, HomeStatement
from apps.accounting.services.home import HomeRefused, note_paid, note_received, note_returned
from apps.contracts.models import HomeAgreement, HomeDriver
from apps.core.domain.moves import IllegalMove
from tests.factories import make_user
from tests.integration.accounting.home_world import (
    APRIL,
    APRIL_MONTH,
    IBAN,
    MARCH,
    MAY,
    agreement,
    books,
    charge,
    driver,
    home,
    pay,
    site,
    state,
    violations,
)
from tests.integration.invoices.world import revise

__all__ = ["agreement", "driver", "home", "site"]
pytestmark = pytest.mark.django_db


class TestPayingByBank:
    def test_asks_for_each_driver_once_by_a_valid_file(self, site, home, driver):
        charge(home)
        statement = state(driver)

        file = pay(site)

        # The library checks it against the schema of pain.001.001.09 as it is made.
        root = fromstring(bytes(file.content))
        text = [element.text for element in root.iter() if element.text and element.text.strip()]
        assert root.tag.startswith("{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}")
        assert {file.message_id, IBAN, "Joerg Mueller", "6.40", "Charging at home 2026-03"} <= set(text)
        statement.refresh_from_db()
        assert statement.payout.amount.amount == Decimal("6.40")
        with pytest.raises(HomeRefused, match="Nothing is due"):
            pay(site)

    def test_noted_as_paid_leaves_the_bank_and_settles_the_driver(self, site, home, driver):
        charge(home)
        state(driver)
        pay(site)
        payout = HomePayout.objects.get()

        note_paid(payout_id=payout.pk, by=make_user(), at=APRIL)
        note_paid(payout_id=payout.pk, by=make_user(), at=APRIL)

        assert books(site) == (Decimal("6.40"), Decimal(0), Decimal("-6.40"))
        assert violations() == []

    def test_that_comes_back_is_due_again_and_asked_for_anew(self, site, home, driver):
        charge(home)
        statement = state(driver)
        pay(site)
        payout = HomePayout.objects.get()
        note_paid(payout_id=payout.pk, by=make_user(), at=APRIL)

        with pytest.raises(HomeRefused, match="Say why"):
            note_returned(payout_id=payout.pk, reason=" ", by=make_user(), at=APRIL)
        for _ in range(2):
            note_returned(payout_id=payout.pk, reason="Account closed", by=make_user(), at=APRIL)

        assert books(site) == (Decimal("6.40"), Decimal("6.40"), Decimal(0))
        with pytest.raises(IllegalMove):
            note_paid(payout_id=payout.pk, by=make_user(), at=APRIL)
        pay(site, at=MAY)
        statement.refresh_from_db()
        assert statement.payout != payout
        assert violations() == []

    def test_takes_corrections_off_what_is_paid_next(self, site, home, driver):
        cdr = charge(home)
        state(driver)
        pay(site)
        revise(cdr, kwh="15")
        charge(home, datetime(2026, 4, 10, 18, tzinfo=UTC))
        state(driver, month=APRIL_MONTH, at=MAY)

        pay(site, at=MAY)

        # 6.40 − 1.60
        assert [one.amount.amount for one in HomePayout.objects.order_by("pk")] == [Decimal("6.40"), Decimal("4.80")]

    def test_waits_while_less_than_nothing_is_due(self, site, home, driver):
        cdr = charge(home)
        state(driver)
        pay(site)
        revise(cdr, kwh="15")
        state(driver, month=APRIL_MONTH, at=MAY)

        with pytest.raises(HomeRefused, match="Nothing is due"):
            pay(site, at=MAY)

    @pytest.mark.parametrize(
        ("model", "fields", "words"),
        [
            (HomeDriver, {"iban": ""}, "No IBAN is known of Jörg Müller"),
            (HomeAgreement, {"paid_by": "payroll"}, "Nothing is due"),
        ],
    )
    def test_is_refused_where_it_cannot_be_made_and_asks_for_nothing(self, site, home, driver, model, fields, words):
        charge(home)
        state(driver)
        model.objects.update(**fields)

        with pytest.raises(HomeRefused, match=words):
            pay(site)

        assert not HomeFile.objects.exists()
        assert HomeStatement.objects.get().payout is None

    @pytest.mark.django_db(transaction=True)
    def test_asked_for_twice_at_once_is_in_one_file(self, site, home, driver, at_once):
        charge(home)
        state(driver)

        def ask():
            try:
                return pay(site).pk
            except HomeRefused:
                return None

        assert len([made for made in at_once(ask, ask) if made]) == 1
        assert HomePayout.objects.count() == 1


class TestPayingByPayroll:
    def test_lists_what_the_employer_pays_and_settles_both_sides(self, site, home, driver, agreement):
        HomeAgreement.objects.update(paid_by="payroll")
        charge(home)
        state(driver)

        file = pay(site, kind=HomeFile.Kind.PAYROLL)
        note_paid(payout_id=HomePayout.objects.get().pk, by=make_user(), at=APRIL)

        rows = list(csv.reader(StringIO(bytes(file.content).decode("utf-8-sig"))))
        assert rows[1] == [site.contract.number, "0815", "Jörg Müller", "2026-03", "20.000", "6.40", "EUR"]
        # The employer paid the driver: nothing is owed any more, and our bank saw nothing.
        assert books(site) == (Decimal(0), Decimal(0), Decimal(0))
        assert owed_by(agreement) == 0
        assert violations() == []

    def test_is_refused_without_a_payroll_number(self, site, home, driver):
        HomeAgreement.objects.update(paid_by="payroll")
        HomeDriver.objects.update(payroll_number="")
        charge(home)
        state(driver)

        with pytest.raises(HomeRefused, match="No payroll number"):
            pay(site, kind=HomeFile.Kind.PAYROLL)


class TestMoneyFromAFleet:
    def test_is_noted_once_and_settles_what_it_owes(self, site, home, driver, agreement):
        charge(home)
        state(driver)
        fields = {"agreement_id": agreement.pk, "reference": "TRF 77", "received_on": date(2026, 4, 8), "at": APRIL}

        first = note_received(amount=Decimal("6.40"), by=make_user(), **fields)
        again = note_received(amount=Decimal("6.40"), by=make_user(), **fields)

        assert first == again
        assert books(site) == (Decimal(0), Decimal("6.40"), Decimal("6.40"))
        assert owed_by(agreement) == 0
        with pytest.raises(HomeRefused, match="was noted with"):
            note_received(amount=Decimal("6.00"), by=make_user(), **fields)
        assert violations() == []

    def test_is_refused_without_a_reference(self, agreement):
        with pytest.raises(HomeRefused, match="Name the transfer"):
            note_received(
                agreement_id=agreement.pk, reference=" ", amount=Decimal(1), received_on=MARCH, by=None, at=APRIL
            )
        assert not HomeReceipt.objects.exists()
