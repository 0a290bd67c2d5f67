"""Employer or driver: decided as a session begins, marked by the driver in time, corrected by credit and new line.

The employer's rules: the driver pays on Saturdays and Sundays, else the employer. 1 June 2026 is a Monday.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from apps.contracts.domain.payers import Payer
from apps.contracts.models import Contract, IdToken, PayerPolicy, PayerRuleRow, SpendingLimit
from apps.core import audit
from apps.invoices.models import Invoice
from apps.invoices.services.billing import run_billing
from apps.invoices.services.payers import correct_payer
from apps.sessions.domain.commands import AuthorisationStatus, Phase, StartCommand
from apps.sessions.models import ChargingSession, PayerDecision, StartGrant
from apps.sessions.services.payers import PayerRefused, mark_payer
from apps.sessions.services.permission import authorise
from apps.sessions.services.rating import price, write_cdr
from apps.sessions.services.starting import start_sessions
from apps.sessions.services.transactions import follow_transactions
from apps.tariffs.domain.facts import GrantTerms
from tests.factories import give_plan, make_contract, make_customer, make_location, make_owner, make_site, make_user
from tests.integration.invoices.world import facts_of
from tests.refusals import refused_by, run_sql

MONDAY, SATURDAY = datetime(2026, 6, 1, 8, tzinfo=UTC), datetime(2026, 6, 6, 8, tzinfo=UTC)
JULY = datetime(2026, 7, 1, 8, tzinfo=UTC)
END_OF_JUNE, END_OF_JULY = date(2026, 6, 30), date(2026, 7, 31)


@pytest.fixture
def site(db):
    return make_site()


@pytest.fixture
def private(site) -> Contract:
    """The driver's own contract."""
    return make_contract(customer=make_customer(seller=site.owner, kind="private", vat_id="", name="Dora Driver"))


@pytest.fixture
def policy(site, private) -> PayerPolicy:
    IdToken.objects.filter(pk=site.token.pk).update(driver_contract=private, kind="employee")
    policy = PayerPolicy.objects.create(contract=site.contract)
    policy.rules.create(position=1, payer="driver", weekdays=[6, 7])
    return policy


def begin(site, at: datetime, **fields) -> ChargingSession:
    command = StartCommand(
        station_id=site.station.pk,
        evse_number=1,
        id_token=site.token.uid,
        meter_start_milliwh=1_000_000_000,
        started_at=at,
        received_at=at,
        frame_id=1,
        **fields,
    )
    (outcome,) = start_sessions((command,))
    return ChargingSession.objects.get(pk=outcome.session_id)


def settle(session: ChargingSession, *, kwh: str = "20") -> ChargingSession:
    """End and rate a session after two hours."""
    ended_at = session.started_at + timedelta(hours=2)
    ChargingSession.objects.filter(pk=session.pk).update(
        status="settled", ended_at=ended_at, end_received_at=ended_at, settled_at=ended_at
    )
    session.refresh_from_db()
    write_cdr(session, price(session, facts=facts_of(session, kwh=kwh), grant=GrantTerms()), at=ended_at)
    return session


def bill(site, *, until=END_OF_JUNE, at=JULY) -> None:
    run_billing(seller_id=site.owner.pk, until_date=until, at=at)


def billed_to(contract: Contract) -> list[tuple[str, Decimal]]:
    documents = Invoice.objects.filter(contract=contract, status="issued").order_by("pk")
    return [(one.kind, one.gross.amount) for one in documents]


def violations() -> list[audit.Violation]:
    return [found for found in audit.find_violations() if found.invariant in {"I2", "I4", "I5", "I6", "I7", "I13"}]


class TestAStart:
    def test_runs_on_the_employers_account_where_no_rule_applies(self, site, policy):
        session = begin(site, MONDAY)

        decision = session.payer_decisions.get()
        assert session.contract == site.contract
        assert str(decision) == "The employer pays – no rule applies"
        assert session.vehicle == site.vehicle

    def test_runs_on_the_drivers_account_by_a_rule_with_nothing_of_the_employers(self, site, policy, private):
        session = begin(site, SATURDAY)

        assert session.contract == private
        assert str(session.payer_decisions.get()) == "The driver pays – rule 1: Sat Sun"
        assert (session.vehicle, session.cost_centre, session.token) == (None, None, site.token)
        assert StartGrant.objects.get(used_by_session=session).contract == private
        assert violations() == []

    def test_told_twice_is_decided_once(self, site, policy):
        begin(site, SATURDAY)
        begin(site, SATURDAY)

        assert PayerDecision.objects.count() == 1

    def test_is_decided_on_the_clock_of_the_chargers_place(self, site, policy):
        # Friday 22:30 UTC is Saturday 00:30 in Berlin.
        assert begin(site, datetime(2026, 6, 5, 22, 30, tzinfo=UTC)).payer_decisions.get().payer == "driver"

    def test_is_refused_clearly_where_the_driver_has_no_contract(self, site, policy):
        IdToken.objects.update(driver_contract=None)

        session = begin(site, SATURDAY)

        assert (session.authorisation, session.contract) == (AuthorisationStatus.BLOCKED, None)
        assert "names no contract of the driver's" in session.review_reasons[0]
        assert not PayerDecision.objects.exists()
        asked = authorise(token=site.token.uid, station_id=site.station.pk, at=SATURDAY)
        assert asked is AuthorisationStatus.BLOCKED
        assert authorise(token=site.token.uid, station_id=site.station.pk, at=MONDAY) is AuthorisationStatus.ACCEPTED

    def test_is_refused_where_the_drivers_contract_does_not_run(self, site, policy, private):
        Contract.objects.filter(pk=private.pk).update(status="suspended")

        session = begin(site, SATURDAY)

        assert session.authorisation == AuthorisationStatus.BLOCKED
        assert f"the driver's contract {private.number} does not run then" in session.review_reasons[0]

    def test_reserves_of_the_limit_of_whoever_pays(self, site, policy, private):
        for contract in (site.contract, private):
            SpendingLimit.objects.create(contract=contract, currency="EUR", amount="100", session_amount="20")

        begin(site, SATURDAY)

        reserved = {limit.contract_id: limit.reserved for limit in SpendingLimit.objects.all()}
        assert reserved == {site.contract.pk: Decimal(0), private.pk: Decimal(20)}

    def test_that_is_claimed_after_the_cable_went_in_is_decided_then(self, site, policy, private):
        plugged = StartCommand(
            station_id=site.station.pk,
            evse_number=1,
            id_token="",
            meter_start_milliwh=1_000_000_000,
            started_at=SATURDAY,
            received_at=SATURDAY,
            frame_id=1,
            transaction_ref="T-1",
        )
        shown = replace(plugged, id_token=site.token.uid, phase=Phase.UPDATED, frame_id=2)

        for command in (plugged, shown, shown):
            follow_transactions((command,))

        session = ChargingSession.objects.get(transaction_ref="T-1")
        assert session.contract == private
        assert session.payer_decisions.get().payer == "driver"

    def test_without_a_policy_asks_nothing(self, site):
        session = begin(site, SATURDAY)

        assert session.contract == site.contract
        assert not session.payer_decisions.exists()

    def test_charges_a_drivers_own_session_though_the_card_charges_free_for_the_employer(self, site, policy):
        IdToken.objects.update(free_reason="Staff")

        assert StartGrant.objects.get(used_by_session=begin(site, SATURDAY)).free_reason == ""

    def test_keeps_what_was_decided_when_the_rules_change(self, site, policy, private):
        session = begin(site, SATURDAY)
        policy.rules.all().delete()

        session.refresh_from_db()
        assert session.contract == private


class TestTheDriversMark:
    def test_makes_a_session_private_before_it_ends(self, site, policy, private):
        session = begin(site, MONDAY)

        decision = mark_payer(session_id=session.pk, payer=Payer.DRIVER, by=make_user(), at=MONDAY)
        again = mark_payer(session_id=session.pk, payer=Payer.DRIVER, by=make_user(), at=MONDAY)

        session.refresh_from_db()
        assert decision == again
        assert session.contract == private
        assert session.vehicle is None
        assert str(decision) == "The driver pays – marked so by the driver"
        assert violations() == []

    def test_counts_until_the_stated_days_after_the_end_and_billing_waits_for_it(self, site, policy, private):
        session = settle(begin(site, datetime(2026, 6, 29, 8, tzinfo=UTC)))
        bill(site)
        assert billed_to(site.contract) == []

        mark_payer(session_id=session.pk, payer=Payer.DRIVER, by=make_user(), at=session.ended_at + timedelta(days=3))
        late = session.ended_at + timedelta(days=3, seconds=1)
        with pytest.raises(PayerRefused, match="for 3 days"):
            mark_payer(session_id=session.pk, payer=Payer.EMPLOYER, by=make_user(), at=late)
        bill(site, until=END_OF_JULY, at=datetime(2026, 8, 1, tzinfo=UTC))

        # 20 kWh × 0.50 = 10.00 net, 11.90 gross
        assert billed_to(site.contract) == []
        assert billed_to(private) == [("invoice", Decimal("11.90"))]
        assert violations() == []

    def test_is_refused_once_it_is_billed(self, site, policy):
        session = settle(begin(site, MONDAY))
        bill(site)

        with pytest.raises(PayerRefused, match="billed already"):
            mark_payer(session_id=session.pk, payer=Payer.DRIVER, by=make_user(), at=MONDAY)

        session.refresh_from_db()
        assert session.contract == site.contract

    def test_is_refused_where_nothing_is_marked_or_the_driver_has_no_contract(self, site, policy):
        plain = begin(make_site(), MONDAY)
        with pytest.raises(PayerRefused, match="cannot be marked"):
            mark_payer(session_id=plain.pk, payer=Payer.DRIVER, by=make_user(), at=MONDAY)
        session = begin(site, MONDAY)
        IdToken.objects.update(driver_contract=None)
        with pytest.raises(PayerRefused, match="The driver cannot pay"):
            mark_payer(session_id=session.pk, payer=Payer.DRIVER, by=make_user(), at=MONDAY)
        PayerPolicy.objects.update(mark_days=0)
        never = begin(site, MONDAY + timedelta(hours=3))
        with pytest.raises(PayerRefused, match="cannot be marked"):
            mark_payer(session_id=never.pk, payer=Payer.DRIVER, by=make_user(), at=MONDAY)

    @pytest.mark.django_db(transaction=True)
    def test_made_twice_at_once_is_one(self, site, policy, at_once):
        session = begin(site, MONDAY)
        driver = make_user()

        def mark():
            return mark_payer(session_id=session.pk, payer=Payer.DRIVER, by=driver, at=MONDAY).number

        assert at_once(mark, mark) == [2, 2]


class TestACorrection:
    def test_credits_what_was_billed_and_bills_it_anew_to_the_other(self, site, policy, private):
        session = settle(begin(site, MONDAY))
        bill(site)
        person = make_user()

        correct_payer(session_id=session.pk, payer=Payer.DRIVER, reason="It was private", by=person, at=JULY)
        bill(site)
        bill(site)

        assert billed_to(site.contract) == [("invoice", Decimal("11.90")), ("credit_note", Decimal("-11.90"))]
        assert billed_to(private) == [("invoice", Decimal("11.90"))]
        assert [cdr.reason for cdr in session.cdrs.order_by("revision")] == ["", "It was private"]
        decision = session.payer_decisions.first()
        assert (str(decision), decision.decided_by) == ("The driver pays – corrected: It was private", person)
        assert violations() == []

    def test_takes_the_session_out_of_what_the_employers_plan_included(self, site, policy, private):
        give_plan(contract=site.contract, first_day=date(2026, 6, 1), included_kwh="100")
        session = settle(begin(site, MONDAY))
        bill(site)

        correct_payer(session_id=session.pk, payer=Payer.DRIVER, reason="It was private", by=make_user(), at=JULY)
        bill(site)

        # 10.00 and 10.00 included; what is credited and what is taken back of the included energy come to nothing.
        assert billed_to(site.contract) == [
            ("invoice", Decimal("0.00")),
            ("credit_note", Decimal("-11.90")),
            ("invoice", Decimal("11.90")),
        ]
        assert billed_to(private) == [("invoice", Decimal("11.90"))]
        assert violations() == []

    def test_goes_back_again(self, site, policy, private):
        session = settle(begin(site, MONDAY))
        bill(site)
        for payer in (Payer.DRIVER, Payer.EMPLOYER):
            correct_payer(session_id=session.pk, payer=payer, reason="Looked again", by=make_user(), at=JULY)
            bill(site)

        assert billed_to(private) == [("invoice", Decimal("11.90")), ("credit_note", Decimal("-11.90"))]
        assert sum(amount for _, amount in billed_to(site.contract)) == Decimal("11.90")
        assert violations() == []

    def test_before_billing_only_moves_it_and_ends_the_drivers_time(self, site, policy, private):
        session = settle(begin(site, datetime(2026, 6, 29, 8, tzinfo=UTC)))

        correct_payer(session_id=session.pk, payer=Payer.DRIVER, reason="It was private", by=make_user(), at=JULY)
        bill(site)

        assert session.cdrs.count() == 1
        assert billed_to(private) == [("invoice", Decimal("11.90"))]
        with pytest.raises(PayerRefused, match="has decided"):
            mark_payer(session_id=session.pk, payer=Payer.EMPLOYER, by=make_user(), at=session.ended_at)

    def test_is_refused_without_a_reason_or_a_change_and_writes_nothing(self, site, policy):
        session = settle(begin(site, MONDAY))

        with pytest.raises(PayerRefused, match="Say why"):
            correct_payer(session_id=session.pk, payer=Payer.DRIVER, reason=" ", by=make_user(), at=JULY)
        with pytest.raises(PayerRefused, match="so already"):
            correct_payer(session_id=session.pk, payer=Payer.EMPLOYER, reason="Why not", by=make_user(), at=JULY)

        assert session.payer_decisions.count() == 1


class TestTheDatabaseRefuses:
    def test_a_decision_to_change(self, site, policy):
        begin(site, MONDAY)

        with refused_by("decisions on who pays are never changed or deleted", PayerDecision):
            run_sql("UPDATE charging_sessions_payerdecision SET payer = 'driver'")

    def test_a_first_decision_that_no_rule_made_and_a_correction_without_a_name(self, site, policy, private):
        session = begin(site, MONDAY)
        values = {"session": session, "payer": "driver", "contract": private, "decided_at": MONDAY}

        with refused_by("payer_decided_by_rule_first", PayerDecision):
            PayerDecision.objects.create(number=2, origin="rule", **values)
        with refused_by("payer_corrected_with_a_reason_and_a_name", PayerDecision):
            PayerDecision.objects.create(number=2, origin="corrected", **values)
        with refused_by("payer_decision_numbered_once", PayerDecision):
            PayerDecision.objects.create(number=1, origin="rule", **values)

    def test_rules_that_share_a_place_have_one_time_or_name_anothers_location(self, site, policy):
        with refused_by("payer_rule_one_a_position", PayerRuleRow):
            policy.rules.create(position=1, payer="driver")
        with refused_by("payer_rule_has_both_times_or_none", PayerRuleRow):
            policy.rules.create(position=2, payer="driver", begins=time(8))
        with refused_by("a rule names a place of another seller", PayerRuleRow):
            policy.rules.create(position=2, payer="driver", location=make_location(owner=make_owner()))

    def test_a_card_that_names_a_drivers_contract_of_another_seller_or_its_own(self, site):
        stranger = make_contract(customer=make_customer(seller=make_owner()))

        for contract in (stranger, site.contract):
            with refused_by("a card names a vehicle, cost centre, contract or card of somebody else", IdToken):
                IdToken.objects.filter(pk=site.token.pk).update(driver_contract=contract)
