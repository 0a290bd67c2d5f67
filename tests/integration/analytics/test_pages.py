"""The laboratory's pages: who may ask, what is shown, and that nobody sees another owner's figures."""

import csv
from datetime import date
from io import StringIO

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.analytics.models import TariffTrial
from tests.factories import make_member, make_owner, make_site, make_user
from tests.integration.analytics.world import (
    ASKED_AT,
    ask,
    beside,
    energy_price,
    finish,
    make_draft,
    make_record,
)

pytestmark = pytest.mark.django_db

LIST = "/admin/analytics/tarifftrial/"
ADD = f"{LIST}add/"


def signed_in(organisation, role: Role = Role.OWNER) -> Client:
    client = Client()
    client.force_login(make_member(organisation=organisation, role=role, user=make_user(is_staff=True)).user)
    return client


def page_of(trial: TariffTrial, name: str = "change") -> str:
    return reverse(f"admin:analytics_tarifftrial_{name}", args=[trial.pk])


@pytest.fixture
def site():
    return make_site()


@pytest.fixture
def owner(site) -> Client:
    return signed_in(site.owner)


class TestAsking:
    @pytest.fixture(autouse=True)
    def _in_november(self):
        with time_machine.travel(ASKED_AT, tick=False):
            yield

    def test_for_last_month_leads_to_the_trials_own_page(self, site, owner):
        draft = make_draft(site)

        response = owner.post(ADD, {"tariff_version": draft.pk, "period": "last_month"})

        trial = TariffTrial.objects.get()
        assert (response.status_code, response["Location"]) == (302, page_of(trial))
        assert (trial.first_date, trial.last_date) == (date(2026, 10, 1), date(2026, 10, 31))
        assert (trial.owner, trial.tariff_version, trial.status) == (site.owner, draft, "queued")
        assert trial.created_by_id == int(owner.session["_auth_user_id"])

    def test_offers_the_version_it_was_opened_from(self, site, owner):
        draft = make_draft(site)

        page = owner.get(ADD, {"version": draft.pk}).content.decode()

        assert f'<option value="{draft.pk}" selected>' in page

    def test_begins_on_the_page_of_a_version(self, site, owner):
        for version in (make_draft(site), site.version):
            page = owner.get(reverse("admin:tariffs_tariffversion_change", args=[version.pk])).content.decode()

            assert f'href="{ADD}?version={version.pk}"' in page

    def test_takes_own_days(self, site, owner):
        days = {"first_date": "2026-09-07", "last_date": "2026-09-13"}

        owner.post(ADD, {"tariff_version": site.version.pk, "period": "own", **days})

        trial = TariffTrial.objects.get()
        assert (trial.first_date, trial.last_date) == (date(2026, 9, 7), date(2026, 9, 13))

    @pytest.mark.parametrize(
        ("days", "said"),
        [
            ({}, "Say which day."),
            ({"first_date": "2026-09-13", "last_date": "2026-09-07"}, "The first day must not lie after the last"),
            ({"first_date": "2026-09-31", "last_date": "2026-10-07"}, "Enter a valid date."),
        ],
    )
    def test_says_what_is_wrong_with_the_days_and_starts_nothing(self, site, owner, days, said):
        response = owner.post(ADD, {"tariff_version": site.version.pk, "period": "own", **days})

        assert said in response.content.decode()
        assert not TariffTrial.objects.exists()

    def test_about_another_owners_version_is_refused(self, site, owner):
        theirs = make_site()

        response = owner.post(ADD, {"tariff_version": theirs.version.pk, "period": "last_month"})

        assert "not one of the available choices" in response.content.decode()
        assert not TariffTrial.objects.exists()

    def test_leads_to_the_tariffs_where_there_is_none(self):
        page = signed_in(make_owner()).get(ADD).content.decode()

        assert "There is no tariff to try yet" in page

    @pytest.mark.parametrize(
        ("role", "status"), [(Role.FINANCE, 200), (Role.SUPPORT, 403), (Role.TECHNICIAN, 403), (Role.READ_ONLY, 403)]
    )
    def test_is_for_those_who_keep_the_prices(self, site, role, status):
        client = signed_in(site.owner, role)

        assert client.get(ADD).status_code == status


class TestTheAnswer:
    @pytest.fixture
    def trial(self, site) -> TariffTrial:
        make_record(site)
        cheap = beside(site, elements=energy_price("0.90"))
        make_record(cheap, contract=None, token=None, vehicle=None)
        make_record(beside(site, currency="CHF"))
        trial = ask(make_draft(site))
        finish(trial)
        return trial

    def test_shows_before_after_and_what_could_not_be_compared(self, trial, owner):
        page = owner.get(page_of(trial)).content.decode()

        # 10 kWh at 0.50 and at 0.90, each with 19 %; both at 0.60
        assert "€16.66" in page
        assert "€14.28" in page
        assert "-€2.38" in page
        assert "charged in CHF" in page
        assert "Of these 1 would have cost more, 1 less and 0 the same." in page

    def test_links_each_session_to_its_explanation(self, trial, owner):
        page = owner.get(page_of(trial)).content.decode()

        (dearer,) = trial.tally().dearest
        assert reverse("console:session", args=[dearer.uid]) in page
        assert owner.get(reverse("console:session", args=[dearer.uid])).status_code == 200

    def test_tells_what_the_records_do_not(self, site, owner):
        make_record(site)
        fee = [{"price_components": [{"type": "ENERGY", "price": "0.60"}, {"type": "PARKING_TIME", "price": "6.00"}]}]
        trial = ask(make_draft(site, elements=fee))
        finish(trial)

        assert "do not tell how long the vehicle stood there" in owner.get(page_of(trial)).content.decode()

    def test_says_when_the_draft_was_edited_since(self, trial, owner):
        before = owner.get(page_of(trial)).content.decode()
        trial.tariff_version.elements = energy_price("0.70")
        trial.tariff_version.save()

        after = owner.get(page_of(trial)).content.decode()

        assert ("edited since" in before, "edited since" in after) == (False, True)

    def test_of_a_period_without_sessions_says_so(self, site, owner):
        trial = ask(make_draft(site))
        finish(trial)

        assert "No session in these days" in owner.get(page_of(trial)).content.decode()

    def test_can_be_taken_away_as_csv(self, trial, owner, site):
        site.location.name = "=HYPERLINK(0)"
        site.location.save()

        response = owner.get(page_of(trial, "export"))

        rows = list(csv.DictReader(StringIO(response.content.decode())))
        assert response["Content-Disposition"] == f'attachment; filename="trial-{trial.pk}.csv"'
        assert [row["kind"] for row in rows if row["kind"] != "hour"] == [
            *("total", "site", "site", "group", "group", "session", "session")
        ]
        assert rows[0] == {
            "kind": "total",
            "name": "All sessions",
            "sessions": "2",
            "energy_kwh": "20.000",
            "currency": "EUR",
            "net_before": "14.00",
            "net_after": "12.00",
            "net_change": "-2.00",
            "gross_before": "16.66",
            "gross_after": "14.28",
            "gross_change": "-2.38",
        }
        assert "'=HYPERLINK(0)" in {row["name"] for row in rows}

    @pytest.mark.parametrize("role", [Role.SUPPORT, Role.READ_ONLY])
    def test_is_for_every_operator_to_read_and_for_few_to_delete(self, trial, site, role):
        client = signed_in(site.owner, role)

        page = client.get(page_of(trial))
        deleted = client.post(page_of(trial, "delete"), {"post": "yes"})

        assert (page.status_code, deleted.status_code) == (200, 403)
        assert "Delete this trial" not in page.content.decode()
        assert TariffTrial.objects.filter(pk=trial.pk).exists()

    def test_is_deleted_by_its_owner(self, trial, owner):
        owner.post(page_of(trial, "delete"), {"post": "yes"})

        assert not TariffTrial.objects.exists()

    @pytest.mark.parametrize("name", ["change", "progress", "export", "delete"])
    def test_does_not_exist_for_another_owner(self, trial, name):
        stranger = signed_in(make_owner())

        assert stranger.get(page_of(trial, name)).status_code == 404
        assert stranger.post(page_of(trial, name), {"post": "yes"}).status_code == 404


class TestProgress:
    def test_is_told_as_numbers_and_without_a_script(self, site, owner):
        make_record(site)
        trial = ask(make_draft(site))

        waiting = owner.get(page_of(trial, "progress")).json()
        page = owner.get(page_of(trial)).content.decode()
        finish(trial)
        over = owner.get(page_of(trial, "progress")).json()

        assert waiting == {"is_over": False, "percent": 0, "done": 0, "total": 0}
        assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page
        assert "<progress" in page
        assert over == {"is_over": True, "percent": 100, "done": 1, "total": 1}

    def test_of_a_failure_shows_the_reason(self, site, owner):
        trial = ask(make_draft(site))
        TariffTrial.objects.update(status="failed", ended_at=ASKED_AT, error="It stopped 5 times.")

        assert "It stopped 5 times." in owner.get(page_of(trial)).content.decode()


class TestTheList:
    def test_teaches_while_it_is_empty(self, owner):
        assert "what would last month have cost under this tariff?" in owner.get(LIST).content.decode()
