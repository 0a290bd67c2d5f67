"""The review queue in the console: what waits, why, and a price before every decision."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.sessions import services
from apps.sessions.models import Cdr
from apps.sessions.services.settling import settle_sessions
from tests.factories import NOON, make_member, make_user
from tests.integration.sessions.conftest import BEGIN, KWH, Wire
from tests.integration.tenants import CANARY, answer, signed_in


@pytest.fixture
def odd(ours):
    """A session of ours whose register fell at the end; two good readings lie before."""
    wire = Wire(ours.site)
    begun = wire.begin(started_at=NOON + timedelta(hours=2))
    samples = [(NOON + timedelta(hours=2, minutes=n), BEGIN + n // 5 * KWH) for n in (10, 20)]
    services.record_readings((wire.readings(begun.transaction_id, *samples),))
    session = wire.finish(
        begun.transaction_id, ended_at=NOON + timedelta(hours=3), meter_stop_milliwh=BEGIN - 500 * KWH
    )
    settle_sessions(session_ids=[session.pk], at=NOON + timedelta(hours=5))
    session.refresh_from_db()
    assert session.status == "review"
    return session


@pytest.fixture
def page(odd) -> str:
    return reverse("console:review", args=[odd.uid])


def reading(hours: int, minutes: int, kwh: int) -> str:
    at = NOON + timedelta(hours=hours, minutes=minutes)
    return f"{int(at.timestamp()) * 1000}:{BEGIN + kwh * KWH}"


BETWEEN = {
    "decision": "between",
    "reason": "Read off the display.",
    "begin": reading(2, 0, 0),
    "end": reading(2, 20, 4),
}


class TestTheQueue:
    def test_lists_what_waits_with_reason_age_station_and_energy(self, ours, odd, owner):
        text = owner.get(reverse("console:reviews")).content.decode()

        assert "The end reading 500.000 kWh is below the begin reading 1000.000 kWh." in text
        assert "OURS: the register jumped." in text
        assert "1,000.000 kWh → 500.000 kWh" in text
        assert "OURS-CS-1, EVSE 1 · 1 Jun 2026, 16:00:00 CEST" in text

    def test_alarms_after_three_days(self, ours, odd, owner, time_machine):
        def tones() -> list[bool]:
            return [row[2] for row in owner.get(reverse("console:reviews")).context["rows"]]

        time_machine.move_to(NOON + timedelta(days=3, minutes=1), tick=False)
        after_three_days = tones()

        # The tenant's own waits since noon, the other since three hours later.
        assert after_three_days == [True, False]

    def test_holds_nothing_of_another_tenant(self, ours, theirs, owner):
        listed = owner.get(reverse("console:reviews"))
        foreign = owner.get(reverse("console:review", args=[theirs.in_review.uid]))

        assert CANARY.encode() not in answer(listed)
        assert foreign.status_code == 404

    def test_is_closed_to_the_signed_out_and_to_customers(self, ours, page):
        for client in (Client(), signed_in(ours.fleet.user)):
            assert [client.get(url).status_code for url in (reverse("console:reviews"), page)] == [302, 302]

    def test_asks_the_database_a_bounded_number_of_times(self, ours, odd, owner, django_assert_max_num_queries):
        with django_assert_max_num_queries(10):
            owner.get(reverse("console:reviews"))


class TestASessionInReview:
    def test_is_drawn_with_its_odd_readings_marked(self, owner, page):
        response = owner.get(page)

        curve = response.context["curve"]
        assert curve.points == "10,12 113,11 216,10 630,190"
        assert [dot.is_odd for dot in curve.dots] == [True, False, True, True]
        assert "<polyline" in response.content.decode()

    def test_is_gone_from_here_once_it_is_settled(self, ours, owner):
        assert owner.get(reverse("console:review", args=[ours.session.uid])).status_code == 404


class TestADecision:
    def test_shows_its_price_and_does_nothing_yet(self, odd, owner, page):
        response = owner.post(page, BETWEEN)

        odd.refresh_from_db()
        assert response.context["outcome"] == "€2.38 for 4.000 kWh"
        assert odd.status == "review"
        assert not Cdr.objects.filter(session=odd).exists()

    def test_is_done_as_it_was_shown(self, ours, odd, owner, page):
        shown = owner.post(page, BETWEEN).context

        response = owner.post(page, {**dict(shown["kept"]), "decision": "between", "shown": shown["shown"]})

        cdr = Cdr.objects.get(session=odd)
        assert response.url == reverse("console:reviews")
        assert (cdr.gross.amount, cdr.energy_milliwh) == (Decimal("2.38"), 4 * KWH)
        assert (cdr.reason, cdr.revised_by) == ("Read off the display.", ours.operator.user)

    def test_is_not_done_at_another_price_than_shown(self, odd, owner, page):
        response = owner.post(page, {**BETWEEN, "shown": "1.00"})

        odd.refresh_from_db()
        assert "the price is another" in response.content.decode()
        assert odd.status == "review"
        assert not Cdr.objects.filter(session=odd).exists()

    def test_takes_typed_values_on_the_sites_clock(self, owner, page):
        typed = {
            "decision": "between",
            "reason": "The driver's photograph.",
            "begin": reading(2, 0, 0),
            "end_at": "2026-06-01T16:30:00",
            "end_kwh": "1005.5",
        }

        shown = owner.post(page, typed).context

        assert shown["outcome"] == "€3.27 for 5.500 kWh"

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"reason": ""}, "This field is required."),
            ({"end": "", "end_at": "2026-06-01T16:30:00"}, "Choose a reading, or type both when and how much."),
            ({"begin": "1:2"}, "Select a valid choice."),
            ({"end": "", "end_at": "2026-06-01T16:30:00", "end_kwh": "-4"}, "greater than or equal to 0"),
            ({"begin": reading(2, 20, 4), "end": reading(2, 0, 0)}, "The end lies before the begin."),
        ],
    )
    def test_is_refused_in_the_form(self, odd, owner, page, change, sentence):
        response = owner.post(page, {**BETWEEN, **change})

        assert sentence in response.content.decode()
        assert "decided" not in response.context
        assert not Cdr.objects.filter(session=odd).exists()

    def test_bills_nothing_with_name_and_reason(self, ours, odd, owner, page):
        sent = {"decision": "nothing", "reason": "Meter broken."}
        shown = owner.post(page, sent).context

        owner.post(page, {**sent, "shown": shown["shown"]})

        cdr = Cdr.objects.get(session=odd)
        assert (cdr.gross.amount, cdr.reason, cdr.revised_by) == (0, "Meter broken.", ours.operator.user)

    def test_says_in_words_why_it_cannot_be_accepted(self, odd, owner, page):
        response = owner.post(page, {"decision": "accept", "reason": "So."})

        assert "set its begin and end, or bill nothing" in response.content.decode()
        assert not Cdr.objects.filter(session=odd).exists()

    def test_is_only_to_close_it_where_nobody_agreed_to_pay(self, ours, owner):
        wire = Wire(ours.site)
        session = wire.finish(
            wire.begin(id_token="STRANGER", started_at=NOON + timedelta(hours=2)).transaction_id,
            ended_at=NOON + timedelta(hours=3),
        )
        settle_sessions(session_ids=[session.pk], at=NOON + timedelta(hours=5))
        page = reverse("console:review", args=[session.uid])
        sent = {"decision": "nothing", "reason": "Unknown card."}

        offered = [form.slug for form in owner.get(page).context["forms"]]
        shown = owner.post(page, sent).context
        refused = owner.post(page, {"decision": "accept", "reason": "So."})
        owner.post(page, {**sent, "shown": shown["shown"]})

        session.refresh_from_db()
        assert offered == ["nothing"]
        assert (shown["outcome"], refused.status_code) == ("nobody is billed", 404)
        assert session.status == "settled"
        assert not Cdr.objects.filter(session=session).exists()

    def test_is_not_for_whoever_may_only_look(self, ours, odd, page):
        reader = signed_in(
            make_member(organisation=ours.owner, role=Role.READ_ONLY, user=make_user(is_staff=True)).user
        )

        assert reader.get(page).context["forms"] == []
        assert reader.post(page, BETWEEN).status_code == 403
        assert not Cdr.objects.filter(session=odd).exists()
