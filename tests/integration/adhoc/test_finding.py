"""The page of a charge is lost: its driver finds it by card, amount and day; whoever guesses does not."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from apps.accounts.domain.roles import Role
from apps.payments.domain.finding import MISSES, TRIES
from apps.payments.models import ChargeSearch, PaymentAttempt
from apps.payments.services.finding import forget_searches
from apps.stations.services import new_pay_code
from tests.factories import make_member, make_site
from tests.integration.tenants import signed_in

from .conftest import MINUTE, NOW, Driver, phone, text_of
from .test_progress_page import KWH, Charge


def _local(at: datetime) -> date:
    return at.astimezone(ZoneInfo("Europe/Berlin")).date()


TODAY = _local(NOW - timedelta(minutes=30))
"""On which the charges here begin."""
RIGHT = {"card_last4": "4242", "amount": "5,00", "day": f"{TODAY}"}
WRONG = [{**RIGHT, "card_last4": "4243"}, {**RIGHT, "amount": "5.01"}, {**RIGHT, "day": f"{TODAY - timedelta(days=3)}"}]


@pytest.fixture
def running(driver, site) -> PaymentAttempt:
    """A charge under way, for which 50 EUR or what the tariff says are held."""
    attempt = driver.pay()
    Charge(attempt, site).begin().deliver(3 * KWH, at=NOW - 20 * MINUTE)
    return attempt


@pytest.fixture
def paid(running, site) -> PaymentAttempt:
    """5.00 EUR, captured."""
    Charge(running, site).end(10 * KWH, at=NOW).price()
    running.refresh_from_db()
    return running


def ask(client: Client, **fields: str):
    return client.post("/find/", fields)


class TestFind:
    def test_leads_to_the_one_charge_that_fits_before_and_after_its_money_is_taken(self, running, site):
        held = f"{running.hold_amount.amount:.2f}"
        assert ask(phone(), **RIGHT).status_code == 404

        while_held = ask(phone(), **{**RIGHT, "amount": held})
        Charge(running, site).end(10 * KWH, at=NOW).price()
        afterwards = [ask(phone(), **RIGHT), ask(phone(), **{**RIGHT, "amount": held})]

        assert while_held["Location"] == afterwards[0]["Location"] == f"/s/{running.token}/"
        assert afterwards[1].status_code == 404
        assert list(ChargeSearch.objects.order_by("pk").values_list("outcome", "seller", "attempt")) == [
            ("nothing", None, None),
            ("one", site.owner.pk, running.pk),
            ("one", site.owner.pk, running.pk),
            ("nothing", None, None),
        ]

    def test_answers_a_wrong_amount_or_day_as_a_card_that_was_never_seen(self, paid):
        answers = [ask(phone(), **wrong) for wrong in WRONG]

        assert {answer.status_code for answer in answers} == {404}
        said = [text_of(answer).partition("<main")[2].partition("<form")[0] for answer in answers]
        assert len(set(said)) == 1
        assert "No charge fits." in said[0]

    def test_asks_for_the_place_where_two_fit_and_for_the_telephone_where_that_does_not_help(self, driver, site):
        given_up = driver.pay()
        phone().post(f"/s/{given_up.token}/stop/")
        Driver(client=phone(), address=driver.address).pay()
        asked = {**RIGHT, "amount": f"{given_up.hold_amount.amount:.2f}", "day": f"{_local(NOW)}"}
        client = phone()

        several = ask(client, **asked)
        at_the_place = ask(client, **asked, place=site.location.city.upper())
        elsewhere = ask(client, **asked, place="Nowhere")

        assert several.status_code == 409
        assert 'name="place"' in text_of(several)
        assert "call the operator" in text_of(at_the_place)
        assert "No charge fits." in text_of(elsewhere)

    def test_refuses_what_no_card_or_statement_says_and_notes_no_search(self, paid):
        answers = [
            ask(phone(), **{**RIGHT, **wrong}) for wrong in ({"card_last4": "42"}, {"amount": "5 €"}, {"day": ""})
        ]

        assert [answer.status_code for answer in answers] == [422, 422, 422]
        assert not ChargeSearch.objects.exists()

    def test_from_a_sticker_finds_only_its_owners_charges(self, paid, pay_code):
        elsewhere = new_pay_code(connector_id=make_site().evse.connectors.get().pk, at=NOW)

        assert ask(phone(), **RIGHT, code=pay_code.code).status_code == 302
        assert ask(phone(), **RIGHT, code=elsewhere.code).status_code == 404
        assert f'value="{pay_code.code}"' in text_of(phone().get("/find/", {"code": pay_code.code}))
        assert 'name="code"' not in text_of(phone().get("/find/", {"code": "x" * 22}))


class TestWhoeverGuesses:
    def test_has_five_tries_an_hour_from_one_network_and_then_not_even_the_right_one(self, paid):
        mobile = Client(REMOTE_ADDR="2001:db8:7:7::1")
        neighbour = Client(REMOTE_ADDR="2001:db8:7:7:aaaa::9")

        tries = [ask(mobile, **{**RIGHT, "amount": f"{n}.00"}).status_code for n in range(6, 6 + TRIES)]
        refused, from_next_door = ask(mobile, **RIGHT), ask(neighbour, **RIGHT)

        assert tries == [404] * TRIES
        assert (refused.status_code, from_next_door.status_code) == (429, 429)
        assert "try again in an hour" in text_of(refused)
        assert ask(phone(), **RIGHT).status_code == 302

    def test_from_many_networks_is_stopped_by_what_was_missed_of_the_owner(self, paid, pay_code, site):
        ChargeSearch.objects.bulk_create(
            ChargeSearch(
                seller=site.owner,
                at=NOW,
                network=f"{number}",
                card_last4="0000",
                amount=1,
                day=TODAY,
                outcome="nothing",
            )
            for number in range(MISSES)
        )

        assert ask(phone(), **RIGHT, code=pay_code.code).status_code == 429
        assert ask(phone(), **RIGHT).status_code == 302

    @pytest.mark.django_db(transaction=True)
    def test_at_once_gets_no_more_tries_than_one_after_the_other(self):
        def guess(number: int) -> int:
            try:
                return ask(Client(REMOTE_ADDR="192.0.2.77"), **{**RIGHT, "amount": f"{number}.00"}).status_code
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(guess, range(1, 17)))

        assert answers.count(404) <= TRIES
        assert set(answers) <= {404, 429}
        assert ChargeSearch.objects.count() == 16


class TestTheTrail:
    def test_is_kept_for_ninety_days_whoever_would_wipe_it(self, db):
        real_now = datetime.now(UTC)
        _, young = (
            ChargeSearch.objects.create(at=at, network="n", card_last4="1111", amount=1, day=TODAY)
            for at in (real_now - timedelta(days=91), real_now - timedelta(days=89))
        )

        assert forget_searches(at=real_now) == 1
        assert list(ChargeSearch.objects.all()) == [young]
        for change in (lambda: young.delete(), lambda: ChargeSearch.objects.update(network="m")):
            with pytest.raises(IntegrityError, match="searches are frozen"), transaction.atomic():
                change()


class TestSupport:
    def test_finds_every_charge_that_fits_of_its_own_organisation_and_the_way_to_the_session(self, paid, site):
        clerk = signed_in(make_member(organisation=site.owner, role=Role.SUPPORT).user)
        stranger = signed_in(make_member(organisation=make_site().owner, role=Role.SUPPORT).user)
        session = paid.grant.used_by_session

        page = text_of(clerk.post("/admin/console/find-charge/", RIGHT))
        nothing = text_of(stranger.post("/admin/console/find-charge/", RIGHT))

        assert "1 charge fits" in page
        assert f"/admin/console/sessions/{session.uid}/" in page
        assert paid.receipt.number in page
        assert "No charge fits" in nothing
        assert session.station.identity not in nothing
        assert [search.by_id is not None for search in ChargeSearch.objects.all()] == [True, True]

    def test_is_closed_to_whoever_operates_nothing(self, site):
        manager = signed_in(make_member(organisation=site.customer.organisation, role=Role.FLEET_ADMIN).user)

        assert manager.post("/admin/console/find-charge/", RIGHT).status_code in (302, 403)
        assert not ChargeSearch.objects.exists()
