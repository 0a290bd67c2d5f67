"""Sensitive acts: asked again who is there where the password was last given minutes ago, in console and portal."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.accounts.models import ApiKey, Invitation, Membership, User
from apps.core import clock
from config.sensitive import SENSITIVE
from tests.factories import make_member, make_organisation, make_owner, make_user
from tests.integration.addresses import names
from tests.integration.tenants import proof_of, signed_in

PASSWORD = "correct horse battery"
ASKS = reverse("account_reauthenticate")
KEY = {"name": "ERP", "scopes": ["documents"]}
INVITED = {"email": "new@example.com", "role": "fleet_user"}


def browser_of(user: User, *, minutes_ago: float) -> Client:
    """Return a browser in which the password was last given so long ago."""
    browser = signed_in(user)
    session = browser.session
    session.update(proof_of(user, at=clock.now() - timedelta(minutes=minutes_ago)))
    session.save()
    return browser


def is_asked(response: Any) -> bool:
    return response.status_code == 302 and response.url.startswith(ASKS)


@pytest.fixture
def owner(db) -> Membership:
    return make_member(organisation=make_owner(), role=Role.OWNER, user=make_user(is_staff=True))


@pytest.fixture
def fleet(db) -> Membership:
    return make_member(organisation=make_organisation(), role=Role.FLEET_ADMIN)


class TestTheListOfActs:
    def test_names_addresses_that_there_are_and_none_of_the_api(self):
        assert set(SENSITIVE) <= names()
        assert not any(name.startswith("api:") for name in SENSITIVE)


class TestInTheConsole:
    def test_the_password_is_asked_once_and_one_is_back_at_the_act(self, owner):
        page = reverse("console:invite")
        left_open = browser_of(owner.user, minutes_ago=16)

        asked = left_open.get(page)
        wrong = left_open.post(asked.url, {"password": "guessed"})
        still = left_open.get(page)
        right = left_open.post(asked.url, {"password": PASSWORD})

        assert is_asked(asked)
        assert wrong.status_code == 200
        assert is_asked(still)
        assert right.url == page
        assert left_open.get(page).status_code == 200

    def test_nothing_happens_by_sending_the_form_itself(self, owner):
        page = reverse("console:invite")
        left_open = browser_of(owner.user, minutes_ago=16)

        sent = left_open.post(page, {**INVITED, "role": "support"}, headers={"referer": f"http://testserver{page}"})

        assert sent.url == f"{ASKS}?next={page.replace('/', '%2F')}"
        assert not Invitation.objects.exists()

    def test_nobody_is_asked_who_signed_in_minutes_ago_or_may_only_look(self, owner):
        looks = make_member(organisation=owner.organisation, role=Role.READ_ONLY, user=make_user(is_staff=True)).user
        company = reverse("admin:accounts_organisation_change", args=[owner.organisation_id])

        assert browser_of(owner.user, minutes_ago=14).get(company).status_code == 200
        assert browser_of(looks, minutes_ago=600).get(company).status_code == 200
        assert is_asked(browser_of(owner.user, minutes_ago=16).get(company))

    def test_a_sign_in_without_any_proof_is_asked(self, owner):
        bare = Client()
        bare.force_login(owner.user)

        assert is_asked(bare.get(reverse("admin:accounts_apikey_make_key")))


class TestInThePortal:
    def test_acts_lead_to_the_password_and_back_to_where_they_were_begun(self, fleet):
        left_open = browser_of(fleet.user, minutes_ago=16)
        machines, people = (f"http://testserver{reverse(f'portal:{name}')}" for name in ("machines", "people"))

        key = left_open.post(reverse("portal:key-make"), KEY, headers={"referer": machines})
        invited = left_open.post(reverse("portal:person-invite"), INVITED, headers={"referer": people})
        out = left_open.post(reverse("portal:sign-ins-end-others"), headers={"referer": "https://elsewhere.example/"})
        told = left_open.get(key.url).content.decode()
        back = left_open.post(key.url, {"password": PASSWORD})
        made = left_open.post(reverse("portal:key-make"), KEY)

        assert all(is_asked(response) for response in (key, invited, out))
        assert out.url.endswith(f"?next={reverse('portal:home').replace('/', '%2F')}")
        assert "Nothing was done yet" in told
        assert back.url == reverse("portal:machines")
        assert made.status_code == 200
        assert ApiKey.objects.count() == 1
        assert not Invitation.objects.exists()

    def test_a_real_sign_in_is_proof_until_it_is_too_long_ago(self, fleet, monkeypatch):
        browser = Client()
        browser.post("/portal/login/", {"username": fleet.user.email, "password": PASSWORD})
        at_once = browser.post(reverse("portal:key-make"), KEY)
        later = clock.now() + timedelta(seconds=settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)
        monkeypatch.setattr(clock, "now", lambda: later)

        assert at_once.status_code == 200
        assert is_asked(browser.post(reverse("portal:key-make"), KEY))

    def test_taking_rights_away_is_never_asked_nor_is_the_api(self, fleet):
        browser = browser_of(fleet.user, minutes_ago=0)
        shown = browser.post(reverse("portal:key-make"), KEY).content.decode()
        text = shown.split("<code data-secret>")[1].split("<")[0]
        left_open = browser_of(fleet.user, minutes_ago=600)

        read = Client().get("/api/v1/invoices/", headers={"Authorization": f"Bearer {text}"})
        revoked = left_open.post(reverse("portal:key-revoke", args=[ApiKey.objects.get().pk]))

        assert read.status_code == 200
        assert revoked.url == reverse("portal:machines")
        assert ApiKey.objects.get().revoked_at is not None
