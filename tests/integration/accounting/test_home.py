"""Charging at home paid back, worked by hand: records and monthly statements."""

import csv
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO

import pytest

from apps.accounting.home_sheets import (
    driver_pdf,
    fleet_csv,
    fleet_month,
    fleet_pdf,
    render_home_statement,
    unrendered_ids,
)
from apps.accounting.models import HomeLine, HomeStatement
from apps.accounting.services.home import HomeRefused, due_statements
from apps.contracts.models import HomeAgreement, HomeCharger
from apps.documents.models import Mail
from apps.invoices.models import Invoice
from apps.invoices.services.billing import run_billing
from apps.ledger.models import Journal
from apps.sessions.domain.commands import AuthorisationStatus, Phase, StartCommand
from apps.sessions.models import ChargingSession
from apps.sessions.services.transactions import follow_transactions
from tests.factories import make_contract, make_customer, make_tariff, make_tariff_version, make_token
from tests.integration.accounting.home_world import (
    APRIL,
    APRIL_MONTH,
    EVENING,
    MARCH,
    MAY,
    agreement,
    begin,
    books,
    charge,
    driver,
    home,
    site,
    state,
    violations,
)
from tests.integration.invoices.world import revise

__all__ = ["agreement", "driver", "home", "site"]
pytestmark = pytest.mark.django_db


class TestCharging:
    def test_makes_a_record_to_be_paid_back_without_vat_that_nobody_is_billed_for(self, site, home, driver):
        cdr = charge(home)

        # 20 kWh × 0.32
        assert (cdr.purpose, cdr.net.amount, cdr.tax.amount, cdr.gross.amount) == (
            "reimbursement",
            Decimal("6.40"),
            Decimal("0.00"),
            Decimal("6.40"),
        )
        assert cdr.session.contract == site.contract
        run_billing(seller_id=site.owner.pk, until_date=date(2026, 3, 31), at=APRIL)
        assert not Invoice.objects.exists()
        assert violations() == []

    def test_is_worth_what_the_version_of_its_day_says(self, home, agreement):
        old = agreement.tariff.versions.get()
        type(old).objects.filter(pk=old.pk).update(valid_to=datetime(2026, 3, 15, tzinfo=UTC))
        dearer = [{"price_components": [{"type": "ENERGY", "price": "0.35", "step_size": 1}]}]
        make_tariff_version(tariff=agreement.tariff, elements=dearer, valid_from=datetime(2026, 3, 15, tzinfo=UTC))

        assert charge(home).gross.amount == Decimal("6.40")
        assert charge(home, datetime(2026, 3, 20, 18, tzinfo=UTC)).gross.amount == Decimal("7.00")

    def test_is_refused_to_a_card_of_another_contract(self, site, home):
        other = make_token(contract=make_contract(customer=make_customer(seller=site.owner)))

        session = begin(home, uid=other.uid)

        assert (session.authorisation, session.contract, session.home_charger) == (
            AuthorisationStatus.BLOCKED,
            None,
            None,
        )
        assert "wallbox at a driver's home" in session.review_reasons[0]

    def test_that_is_claimed_after_the_cable_went_in_is_at_home_too(self, site, home, driver):
        plugged = StartCommand(
            station_id=home.station.pk,
            evse_number=1,
            id_token="",
            meter_start_milliwh=1_000_000_000,
            started_at=EVENING,
            received_at=EVENING,
            frame_id=1,
            transaction_ref="T-1",
        )

        for command in (plugged, replace(plugged, id_token=site.token.uid, phase=Phase.UPDATED, frame_id=2)):
            follow_transactions((command,))

        session = ChargingSession.objects.get(transaction_ref="T-1")
        assert session.home_charger.driver == driver

    def test_before_the_wallbox_was_theirs_is_an_ordinary_session(self, home):
        HomeCharger.objects.update(first_day=date(2026, 3, 11))

        assert begin(home).home_charger is None

    def test_without_a_price_goes_to_a_person(self, home, agreement):
        HomeAgreement.objects.update(tariff=make_tariff(owner=agreement.contract.seller))

        session = begin(home)

        assert session.tariff_version is None
        assert "nothing is paid back by itself" in session.review_reasons[0]


class TestAStatement:
    def test_states_what_is_due_to_the_driver_and_from_the_fleet(self, site, home, driver):
        charge(home)
        charge(home, datetime(2026, 3, 20, 18, tzinfo=UTC), kwh="12.5")

        assert due_statements(at=APRIL) == [(driver.pk, MARCH)]
        statement = state(driver)

        # 6.40 + 12.5 × 0.32 = 4.00
        assert (statement.amount.amount, statement.energy_milliwh) == (Decimal("10.40"), 32_500_000)
        assert books(site) == (Decimal("10.40"), Decimal("10.40"), Decimal(0))
        assert due_statements(at=APRIL) == []
        assert violations() == []

    def test_made_again_is_the_first_and_posts_once(self, home, driver):
        charge(home)

        assert state(driver) == state(driver)
        assert Journal.objects.filter(key__startswith="home_statement").count() == 1

    def test_bills_our_fee_to_the_fleet_with_vat_on_its_next_invoice(self, site, home, driver):
        charge(home)
        state(driver)

        run_billing(seller_id=site.owner.pk, until_date=date(2026, 3, 31), at=APRIL)

        invoice = Invoice.objects.get()
        line = invoice.lines.get()
        assert line.text == "Reimbursement of charging at home, Jörg Müller, 3/1/26 – 3/31/26"
        # 4.50 + 19 % = 0.855 → 0.86
        assert (invoice.net.amount, invoice.tax.amount) == (Decimal("4.50"), Decimal("0.86"))
        assert violations() == []

    def test_is_refused_before_the_month_is_over_where_the_seller_is(self, home, driver):
        charge(home)

        with pytest.raises(HomeRefused, match="not over"):
            # 23:59 in Berlin
            state(driver, at=datetime(2026, 3, 31, 21, 59, tzinfo=UTC))
        assert not HomeStatement.objects.exists()
        assert state(driver, at=datetime(2026, 3, 31, 22, tzinfo=UTC)) is not None

    def test_of_a_month_without_charging_is_none(self, driver):
        assert state(driver) is None

    def test_lists_what_a_later_revision_changed_as_the_difference(self, site, home, driver):
        cdr = charge(home)
        state(driver)
        again = revise(cdr, kwh="15", reason="The meter was read wrongly")

        statement = state(driver, month=APRIL_MONTH, at=MAY)

        # 15 × 0.32 = 4.80, of which 6.40 were listed
        line = statement.lines.get()
        assert (line.cdr, line.amount.amount, line.energy_milliwh, line.is_correction) == (
            again,
            Decimal("-1.60"),
            -5_000_000,
            True,
        )
        assert books(site)[:2] == (Decimal("4.80"), Decimal("4.80"))
        assert violations() == []

    def test_says_so_on_paper_and_as_a_table_with_the_account_masked(self, home, driver, agreement):
        charge(home)
        statement = state(driver)

        found = fleet_month(agreement, month=MARCH)
        rows = list(csv.reader(StringIO(fleet_csv(found.statements))))

        assert rows[1][1:3] == ["Jörg Müller", "0815"]
        assert rows[1][5:8] == ["20.000", "6.4", "EUR"]
        assert (found.amount, found.owed) == (Decimal("6.40"), Decimal("6.40"))
        assert driver_pdf(statement).media_type == fleet_pdf(found).media_type == "application/pdf"
        assert driver.masked_iban == "DE…3000"

    @pytest.mark.parametrize(
        ("language", "subject", "said"),
        [
            ("de", "Laden zu Hause, März 2026", "20,000 kWh, 6,40\xa0€"),
            ("fr", "Recharge à domicile, mars 2026", "20,000 kWh"),
            ("nl", "Thuisladen, maart 2026", "20,000 kWh"),
        ],
    )
    def test_is_mailed_to_the_driver_with_the_file_that_is_kept(self, home, driver, language, subject, said):
        driver.email, driver.language = "joerg@example.com", language
        driver.full_clean()
        driver.save()
        charge(home)

        statement = state(driver)
        state(driver)

        mail = Mail.objects.get(kind="home_statement")
        assert (mail.recipient, mail.subject) == ("joerg@example.com", subject)
        assert said in mail.body
        assert unrendered_ids() == [statement.pk]
        first = render_home_statement(statement_id=statement.pk, at=APRIL)
        assert render_home_statement(statement_id=statement.pk, at=MAY) == first
        assert (first.key, mail.attachment_key) == (f"home_statement:{statement.pk}",) * 2
        assert unrendered_ids() == []

    @pytest.mark.django_db(transaction=True)
    def test_made_twice_at_once_is_one(self, home, driver, at_once):
        charge(home)

        made = at_once(lambda: state(driver).pk, lambda: state(driver).pk)

        assert len(set(made)) == 1
        assert HomeLine.objects.count() == Journal.objects.filter(key__startswith="home_statement").count() == 1
