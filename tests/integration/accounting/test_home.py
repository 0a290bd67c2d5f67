"""Charging at home paid back, worked by hand: 0.32 € a kWh, our fee 4.50 € a month; the seller is in Berlin."""

import csv
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from xml.etree.ElementTree import fromstring

import pytest

from apps.accounting.home_sheets import (
    driver_pdf,
    fleet_csv,
    fleet_month,
    fleet_pdf,
    owed_by,
    render_home_statement,
    unrendered_ids,
)
from apps.accounting.models import HomeFile, HomeLine, HomePayout, HomeReceipt, HomeStatement
from apps.accounting.services.home import (
    HomeRefused,
    due_statements,
    make_home_file,
    make_home_statement,
    note_paid,
    note_received,
    note_returned,
)
from apps.contracts.models import HomeAgreement, HomeCharger, HomeDriver
from apps.core import audit
from apps.core.domain.moves import IllegalMove
from apps.documents.models import Mail
from apps.invoices.models import Invoice
from apps.invoices.services.billing import run_billing
from apps.ledger.domain.chart import Role, account_code
from apps.ledger.models import Journal, LedgerEntry
from apps.sessions.domain.commands import AuthorisationStatus, Phase, StartCommand
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.services.rating import price, write_cdr
from apps.sessions.services.starting import start_sessions
from apps.sessions.services.transactions import follow_transactions
from apps.tariffs.domain.facts import GrantTerms
from tests.factories import (
    LONG_AGO,
    Site,
    make_contract,
    make_customer,
    make_evse,
    make_owner,
    make_site,
    make_station,
    make_tariff,
    make_tariff_version,
    make_token,
    make_user,
)
from tests.integration.invoices.world import facts_of, revise
from tests.refusals import refused_by, run_sql

PAID_BACK = [{"price_components": [{"type": "ENERGY", "price": "0.32", "step_size": 1}]}]
MARCH, APRIL_MONTH = date(2026, 3, 1), date(2026, 4, 1)
EVENING = datetime(2026, 3, 10, 18, tzinfo=UTC)
APRIL, MAY = datetime(2026, 4, 1, 6, tzinfo=UTC), datetime(2026, 5, 1, 6, tzinfo=UTC)
IBAN = "DE89370400440532013000"


@pytest.fixture
def site(db) -> Site:
    return make_site()


@pytest.fixture
def agreement(site) -> HomeAgreement:
    tariff = make_tariff(owner=site.owner, name="At home")
    make_tariff_version(tariff=tariff, elements=PAID_BACK)
    return HomeAgreement.objects.create(contract=site.contract, tariff=tariff, currency="EUR", fee="4.50")


@pytest.fixture
def driver(agreement) -> HomeDriver:
    return HomeDriver.objects.create(agreement=agreement, name="Jörg Müller", iban=IBAN, payroll_number="0815")


@pytest.fixture
def home(site, driver) -> Site:
    """The site with the driver's wallbox in place of the public station."""
    station = make_station(location=site.location)
    HomeCharger.objects.create(driver=driver, station=station, first_day=LONG_AGO.date())
    return replace(site, station=station, evse=make_evse(station=station))


def begin(site: Site, at: datetime = EVENING, *, uid: str | None = None) -> ChargingSession:
    command = StartCommand(
        station_id=site.station.pk,
        evse_number=1,
        id_token=uid or site.token.uid,
        meter_start_milliwh=1_000_000_000,
        started_at=at,
        received_at=at,
        frame_id=1,
    )
    (outcome,) = start_sessions((command,))
    return ChargingSession.objects.get(pk=outcome.session_id)


def charge(site: Site, at: datetime = EVENING, *, kwh: str = "20") -> Cdr:
    """Charge at home for two hours; return the record."""
    session = begin(site, at)
    ended_at = at + timedelta(hours=2)
    ChargingSession.objects.filter(pk=session.pk).update(
        status="settled", ended_at=ended_at, end_received_at=ended_at, settled_at=ended_at
    )
    session.refresh_from_db()
    return write_cdr(session, price(session, facts=facts_of(session, kwh=kwh), grant=GrantTerms()), at=ended_at)


def state(driver: HomeDriver, *, month: date = MARCH, at: datetime = APRIL) -> HomeStatement | None:
    return make_home_statement(driver_id=driver.pk, month=month, at=at)


def pay(site: Site, *, kind=HomeFile.Kind.PAIN001, at: datetime = APRIL) -> HomeFile:
    return make_home_file(seller_id=site.owner.pk, kind=kind, execution_date=date(2026, 4, 2), by=make_user(), at=at)


def balance(site: Site, role: Role) -> Decimal:
    entries = LedgerEntry.objects.filter(journal__entity=site.owner, account__code=account_code(role))
    return sum((entry.amount.amount for entry in entries), Decimal(0))


def books(site: Site) -> tuple[Decimal, Decimal, Decimal]:
    """Return what fleets owe, what is owed to drivers, and what the bank has."""
    return balance(site, Role.HOME_RECEIVABLE), -balance(site, Role.HOME_PAYABLE), balance(site, Role.BANK)


def violations() -> list[audit.Violation]:
    checked = {"I1", "I2", "I4", "I5", "I6", "I7", "I8", "I13"}
    return [found for found in audit.find_violations() if found.invariant in checked]


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

    def test_is_mailed_to_the_driver_with_the_file_that_is_kept(self, home, driver):
        HomeDriver.objects.update(email="joerg@example.com", language="de")
        charge(home)

        statement = state(driver)
        state(driver)

        mail = Mail.objects.get(kind="home_statement")
        assert (mail.recipient, mail.subject) == ("joerg@example.com", "Laden zu Hause, März 2026")
        assert "20,000 kWh, 6,40\xa0€" in mail.body
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


class TestTheDatabaseRefuses:
    def test_a_wallbox_at_two_homes_or_of_another_seller(self, site, home, driver, agreement):
        other = HomeDriver.objects.create(agreement=agreement, name="Another")

        with refused_by("home_charger_at_one_home_a_day", HomeCharger):
            HomeCharger.objects.create(driver=other, station=home.station, first_day=MARCH)
        with refused_by("the wallbox is of another seller", HomeCharger):
            HomeCharger.objects.create(driver=driver, station=make_station(), first_day=MARCH)

    def test_a_tariff_of_another_seller_and_an_account_that_is_none(self, site, agreement):
        with refused_by("the reimbursement tariff is of another seller", HomeAgreement):
            HomeAgreement.objects.update(tariff=make_tariff(owner=make_owner()))
        with refused_by("home_driver_iban_is_compact", HomeDriver):
            run_sql(
                "INSERT INTO contracts_homedriver (agreement_id, name, email, language, iban, payroll_number)"
                " VALUES (%s, 'X', '', 'en', 'no iban', '')",
                agreement.pk,
            )

    def test_statements_and_lines_to_change_and_a_sum_that_is_none(self, home, driver):
        charge(home)
        statement = state(driver)

        with refused_by("statements of charging at home are frozen", HomeStatement):
            HomeStatement.objects.update(amount=1)
        with refused_by("lines of statements are never changed or deleted", HomeLine):
            HomeLine.objects.update(amount=1)
        with refused_by("home_statement_once_a_month", HomeStatement):
            HomeStatement.objects.create(
                driver=driver, month=MARCH, currency="EUR", amount=0, energy_milliwh=0, made_at=APRIL
            )
        with refused_by("a statement is the sum of its lines", HomeStatement):
            run_sql(
                "INSERT INTO accounting_homestatement (driver_id, month, currency, amount, energy_milliwh, made_at)"
                " VALUES (%s, '2026-05-01', 'EUR', 5, 0, now()); SET CONSTRAINTS ALL IMMEDIATE",
                driver.pk,
            )
        assert statement.lines.count() == 1

    def test_a_statement_to_leave_the_payment_that_pays_it(self, site, home, driver):
        charge(home)
        state(driver)
        pay(site)

        with refused_by("a statement is paid once, to its driver", HomeStatement):
            HomeStatement.objects.update(payout=None)
        with refused_by("payments to drivers are frozen", HomePayout):
            HomePayout.objects.update(amount=1)
        with refused_by("files that pay drivers are never changed or deleted", HomeFile):
            HomeFile.objects.update(message_id="other")
