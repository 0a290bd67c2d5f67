"""API keys: they read their side of their organisation, as far as their scopes go, until they are revoked."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts import api_keys
from apps.accounts.api_keys import KeyRefused, NewKey, make_key, revoke_key
from apps.accounts.domain.roles import Role
from apps.accounts.domain.scopes import Scope
from apps.accounts.models import ApiKey
from apps.contracts.models import Contract
from apps.core.clock import now
from config.api import router
from tests.factories import NOON, make_customer, make_member, make_organisation, make_owner, make_user
from tests.integration.tenants import signed_in
from tests.refusals import refused_by, run_sql

ALL = [scope.value for scope in Scope]

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    first = make_member(organisation=make_owner(), role=Role.OWNER, user=make_user(is_staff=True))
    # So that somebody in charge stays when the first is let go.
    make_member(organisation=first.organisation, role=Role.OWNER)
    return first


@pytest.fixture
def customer(owner):
    """A customer of the owner's that is an organisation of its own."""
    return make_customer(seller=owner.organisation, organisation=make_organisation())


@pytest.fixture
def fleet(customer):
    return make_member(organisation=customer.organisation, role=Role.FLEET_ADMIN)


def key_of(membership, scopes=ALL) -> NewKey:
    return make_key(membership=membership, name="ERP", scopes=scopes, at=NOON)


def get(key: NewKey | str, path: str = "/api/v1/customers/", **headers):
    text = key if isinstance(key, str) else key.text
    return Client().get(path, headers={"Authorization": f"Bearer {text}", **headers})


class TestAKey:
    def test_reads_what_its_organisation_sells(self, owner, customer):
        make_customer(seller=make_owner(), name="CANARY")

        answer = get(key_of(owner))

        assert [row["number"] for row in answer.json()["results"]] == [customer.number]

    def test_reads_what_its_organisation_buys(self, fleet, customer):
        answer = get(key_of(fleet))

        assert [row["uid"] for row in answer.json()["results"]] == [str(customer.uid)]

    def test_reads_no_sales_where_it_was_made_by_a_buyer(self, owner, customer):
        buyer = make_member(organisation=owner.organisation, role=Role.FLEET_ADMIN)

        assert get(key_of(buyer)).json()["results"] == []

    def test_is_never_the_platforms_operator(self, owner, customer):
        owner.user.is_superuser = True
        owner.user.save()
        make_customer(seller=make_owner(), name="CANARY")

        assert "CANARY" not in get(key_of(owner)).content.decode()

    def test_reads_only_what_its_scopes_name(self, owner):
        answer = get(key_of(owner, [Scope.TARIFFS]))

        assert answer.status_code == 403
        assert "needs the scope “contracts”" in answer.json()["detail"]
        assert get(key_of(owner, [Scope.TARIFFS]), "/api/v1/tariffs/").status_code == 200

    def test_finds_its_way_from_the_root(self, owner):
        found = get(key_of(owner, [Scope.TARIFFS]), "/api/v1/").json()

        assert found["tariffs"] == "http://testserver/api/v1/tariffs/"

    def test_is_asked_for_a_scope_by_every_resource(self):
        assert {viewset.scope for _, viewset, _ in router.registry} == set(Scope)

    def test_changes_nothing(self, owner):
        answer = Client().post("/api/v1/customers/", headers={"Authorization": f"Bearer {key_of(owner).text}"})

        assert answer.status_code == 405

    def test_notes_when_it_was_used_to_the_minute(self, owner):
        key = key_of(owner)

        get(key)
        first = ApiKey.objects.get().last_used_at
        get(key)

        assert now() - first < timedelta(minutes=1)
        assert ApiKey.objects.get().last_used_at == first

    @pytest.mark.parametrize("text", ["wl_unknown", "", "a b", "\x00", "wl_" + "x" * 10_000])
    def test_that_is_none_is_refused(self, owner, text):
        answer = get(text)

        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == 'Bearer realm="api"'

    def test_is_refused_from_the_moment_it_is_revoked(self, owner):
        key = key_of(owner)
        revoke_key(key_id=key.key.pk, by=owner.user, at=NOON)

        assert get(key).status_code == 401

    def test_ends_with_its_makers_membership(self, owner):
        key = key_of(owner)
        owner.delete()

        assert get(key).status_code == 401
        assert ApiKey.objects.exists()

    def test_ends_with_its_makers_role_and_account(self, owner):
        key = key_of(owner)
        owner.role = Role.SUPPORT
        owner.save()
        assert get(key).status_code == 401

        owner.role, owner.user.is_active = Role.OWNER, False
        owner.save()
        owner.user.save()
        assert get(key).status_code == 401

    def test_is_counted_and_told_to_wait(self, owner, monkeypatch):
        monkeypatch.setattr("apps.accounts.api_access.ApiThrottle.rate", "2/min", raising=False)
        key = key_of(owner)

        answers = [get(key) for _ in range(3)]

        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert int(answers[2]["Retry-After"]) <= 60


class TestMakeKey:
    def test_keeps_no_more_than_a_hash_and_the_beginning(self, owner):
        new = key_of(owner)

        kept = str(ApiKey.objects.values().get())
        assert new.text not in kept
        assert new.text.startswith(new.key.beginning)
        assert len(new.text) == 46

    @pytest.mark.parametrize("role", [Role.FINANCE, Role.SUPPORT, Role.READ_ONLY, Role.FLEET_USER])
    def test_is_for_administrators(self, owner, role):
        other = make_member(organisation=owner.organisation, role=role)

        with pytest.raises(KeyRefused, match="Ask the owner"):
            key_of(other)

    @pytest.mark.parametrize(
        ("changes", "says"),
        [({"name": " "}, "Name the system"), ({"scopes": []}, "Choose what"), ({"scopes": ["all"]}, "Choose what")],
    )
    def test_needs_a_name_and_something_to_read(self, owner, changes, says):
        with pytest.raises(KeyRefused, match=says):
            make_key(**{"membership": owner, "name": "ERP", "scopes": ALL, "at": NOON} | changes)

        assert not ApiKey.objects.exists()

    def test_makes_no_more_than_anybody_needs(self, owner, monkeypatch):
        monkeypatch.setattr(api_keys, "MOST_KEYS", 2)
        key_of(owner)
        key_of(owner)

        with pytest.raises(KeyRefused, match="2 keys"):
            key_of(owner)


class TestTheDatabase:
    def test_refuses_to_give_a_revoked_key_back(self, owner):
        key = key_of(owner).key
        revoke_key(key_id=key.pk, by=owner.user, at=NOON)

        with refused_by("an API key is revoked for ever", ApiKey):
            run_sql("UPDATE accounts_apikey SET revoked_at = NULL")

    def test_refuses_scopes_that_there_are_not(self, owner):
        key_of(owner)

        with refused_by("api_key_reads_known_scopes", ApiKey):
            ApiKey.objects.update(scopes=["everything"])


class TestTheConsole:
    def test_makes_a_key_shows_it_once_and_revokes_it(self, owner):
        browser = signed_in(owner.user)

        shown = browser.post(reverse("admin:accounts_apikey_make_key"), {"name": "ERP", "scopes": ["sessions"]})

        key = ApiKey.objects.get()
        assert key.beginning in shown.content.decode()
        assert "no-store" in shown["Cache-Control"]
        page = reverse("admin:accounts_apikey_change", args=[key.pk])
        assert "works" in browser.get(page).content.decode()
        browser.post(reverse("admin:accounts_apikey_revoke", args=[key.pk]))
        assert "revoked" in browser.get(page).content.decode()


class TestLists:
    def test_refuse_a_filter_that_there_is_not(self, owner):
        answer = get(key_of(owner), "/api/v1/customers/?nummer=1")

        assert answer.status_code == 400
        assert "number" in answer.json()["nummer"]

    def test_go_on_by_cursor_whatever_comes_meanwhile(self, owner):
        for number in range(5):
            make_customer(seller=owner.organisation, number=f"K-{number}")
        key = key_of(owner)

        first = get(key, "/api/v1/customers/?limit=2").json()
        make_customer(seller=owner.organisation, number="K-5")
        second = get(key, first["next"]).json()

        assert [row["number"] for row in first["results"] + second["results"]] == ["K-4", "K-3", "K-2", "K-1"]

    def test_answer_304_where_nothing_has_changed(self, owner, customer):
        key = key_of(owner)
        tag = get(key)["ETag"]

        assert get(key, **{"If-None-Match": tag}).status_code == 304
        make_customer(seller=owner.organisation)
        assert get(key, **{"If-None-Match": tag}).status_code == 200

    def test_find_contracts_by_status_and_customer(self, owner, customer):
        contract = Contract.objects.create(
            seller=owner.organisation, customer=customer, number="V-9", status="ended", valid_from=NOON
        )
        key = key_of(owner)

        found = get(key, f"/api/v1/contracts/?status=ended&customer={customer.number}").json()["results"]
        none = get(key, "/api/v1/contracts/?status=active").json()["results"]

        assert ([row["uid"] for row in found], none) == ([str(contract.uid)], [])
