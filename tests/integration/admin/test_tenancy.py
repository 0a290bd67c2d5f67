"""The console never shows another tenant's row: not in choices, searches or by address.

That no page says a word of it: ``faces/test_addresses.py``.
"""

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.stations.models import ChargingStation, Connector
from apps.tariffs.models import TariffVersion
from tests.factories import make_member, make_user
from tests.integration.tenants import CANARY, answer, registered_models, row_of, signed_in

ACTS = {
    "accounts_apikey": ("revoke",),
    "payments_openingitem": ("pay", "give_up", "take_payment_back", "reverse"),
    "contracts_contract": (
        "which_tariff",
        "preview",
        "wallet",
        "suspend",
        "lift",
        "end",
        "reopen",
        "on_a_day",
        "draft",
        "terminate",
    ),
    "contracts_customer": ("overview", "statement"),
    "contracts_unit": ("move",),
    "contracts_costperiod": ("take_back",),
    "contracts_contractversion": ("show_document", "offer", "withdraw"),
    "contracts_idtoken": ("holders", "block", "unblock", "replace", "retire"),
    "contracts_plan": ("copy",),
    "stations_evse": ("which_tariff",),
    "stations_chargingstation": ("operate", "reported", "new_key"),
    "stations_location": ("stickers",),
    "stations_paycode": ("revoke",),
    "tariffs_tariff": ("new_draft", "import_ocpi", "which_tariff"),
    "tariffs_tariffversion": ("publish", "withdraw", "end", "copy", "export", "preview"),
    "charging_sessions_chargingsession": ("explain", "decide"),
    "accounts_invitation": ("withdraw",),
    "accounts_signin": ("end",),
    "invoices_billinghold": ("release",),
    "invoices_billingrun": ("look",),
    "invoices_invoice": ("explain", "preview", "pdf", "xml", "issue", "credit", "again"),
    "documents_document": ("download",),
    "documents_webhookdelivery": ("replay",),
    "documents_webhookendpoint": ("ping", "edit", "replay_span", "new_secret", "switch_off", "switch_on"),
    "payments_bankreceipt": ("assign", "allocate", "pay_back"),
    "payments_bankrepayment": ("confirm", "executed", "withdraw"),
    "payments_allocation": ("take_back",),
    "payments_dispute": ("edit", "submit"),
    "payments_wallet": ("give_back", "limit"),
    "payments_refundrequest": ("confirm", "decline", "withdraw"),
    "payments_dunningstep": ("letter", "waive"),
    "ledger_closing": ("reopen",),
    "accounting_debtoraccount": ("number",),
    "accounting_journalexport": ("download", "download_debtors", "withdraw"),
    "accounting_bankstatementrow": ("record", "dismiss"),
    "accounting_discrepancy": ("resolve",),
    "analytics_tarifftrial": ("progress", "export"),
    "accounting_statement": ("pdf",),
    "accounting_ownerpayout": ("executed", "not_executed"),
    "accounting_payoutfile": ("download",),
    "accounting_homestatement": ("pdf", "fleet", "table"),
    "accounting_homefile": ("download",),
    "accounting_homepayout": ("paid", "returned"),
}
HAND_MADE = {
    "accounts_organisation",
    "accounts_membership",
    "accounting_agreement",
    "stations_location",
    "stations_chargingstation",
    "stations_evse",
    "tariffs_tariff",
    "tariffs_tariffversion",
    "contracts_customer",
    "contracts_contract",
    "contracts_spendinglimit",
    "charging_sessions_budget",
    "contracts_membershiptier",
    "contracts_plan",
    "contracts_contracttemplate",
    "contracts_vehicle",
    "contracts_costcentre",
    "contracts_unit",
    "contracts_allocationkey",
    "contracts_sharedcost",
    "contracts_payerpolicy",
    "contracts_homeagreement",
    "contracts_homedriver",
    "contracts_idtoken",
    "contracts_tariffassignment",
    "contracts_sitegroup",
    "analytics_tarifftrial",
    "payments_walletoffer",
}


def name_of(model) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}"


def lists() -> list[str]:
    return [reverse(f"admin:{name_of(model)}_changelist") for model in registered_models()]


def pages_of(owner) -> list[str]:
    """Return every address in the console that names one of the owner's rows."""
    pages = []
    for model in registered_models():
        row = row_of(model, owner)
        assert row is not None, f"the tenant under test has no {name_of(model)}"
        for view in ("change", "history", "delete"):
            pages.append(reverse(f"admin:{name_of(model)}_{view}", args=[row.pk]))
        pages += [reverse(f"admin:{name_of(model)}_{act}", args=[row.pk]) for act in ACTS.get(name_of(model), ())]
    return pages


class TestAnOwner:
    def test_finds_another_tenants_row_nowhere_by_its_address(self, ours, theirs, owner):
        found = {}
        for page in pages_of(theirs.owner):
            for response in (owner.get(page), owner.post(page, {"post": "yes", "reason": "mine now"})):
                if response.status_code not in (403, 404) or CANARY.encode() in answer(response).replace(
                    page.encode(), b""
                ):
                    found[page] = response.status_code

        assert found == {}

    def test_gets_404_and_no_redirect_for_a_row_of_another_tenant(self, theirs, owner):
        page = reverse("admin:stations_location_change", args=[theirs.site.location.pk])

        response = owner.get(page)

        assert response.status_code == 404

    def test_searches_only_their_own_rows(self, ours, theirs, owner):
        hits = {
            page: response.context["cl"].result_count
            for page in lists()
            if (response := owner.get(page, {"q": CANARY})).status_code == 200 and "cl" in response.context
            if response.context["cl"].search_fields
        }

        assert set(hits.values()) == {0}, hits

    @pytest.mark.parametrize(
        ("app", "model", "field"),
        [
            ("stations", "chargingstation", "location"),
            ("contracts", "contract", "customer"),
            ("contracts", "contract", "tier"),
            ("contracts", "tariffassignment", "tier"),
            ("contracts", "tariffassignment", "tariff"),
            ("contracts", "tariffassignment", "group"),
            ("contracts", "groupedsite", "location"),
            ("contracts", "idtoken", "contract"),
            ("contracts", "idtoken", "cost_centre"),
        ],
    )
    def test_completes_only_to_their_own_rows(self, ours, theirs, owner, app, model, field):
        query = {"app_label": app, "model_name": model, "field_name": field, "term": ""}

        results = owner.get(reverse("admin:autocomplete"), query).json()["results"]

        # A tenant has a second contract, which is prepaid, and a community beside its fleet.
        assert len(results) == (2 if field in {"contract", "customer"} else 1)
        assert CANARY not in str(results)

    def test_cannot_hang_a_station_on_another_tenants_location(self, theirs, owner):
        stations = ChargingStation.objects.count()

        response = owner.post(
            reverse("admin:stations_chargingstation_add"),
            {"location": theirs.site.location.pk, "identity": "NEW-1", **empty_inline("evses")},
        )

        assert "not one of the available choices" in response.content.decode()
        assert ChargingStation.objects.count() == stations

    def test_cannot_give_another_tenants_tariff_a_version(self, theirs, owner):
        response = owner.post(
            reverse("admin:tariffs_tariffversion_add"),
            {"tariff": theirs.site.tariff.pk},
        )

        assert response.status_code == 200
        assert TariffVersion.objects.filter(tariff=theirs.site.tariff).count() == 1

    def test_cannot_smuggle_a_foreign_row_into_an_inline(self, ours, theirs, owner):
        connector = Connector.objects.get(evse=theirs.site.evse)

        owner.post(
            reverse("admin:stations_evse_change", args=[ours.site.evse.pk]),
            {
                "station": ours.site.station.pk,
                "number": "1",
                "connectors-TOTAL_FORMS": "1",
                "connectors-INITIAL_FORMS": "1",
                "connectors-0-id": connector.pk,
                "connectors-0-evse": ours.site.evse.pk,
                "connectors-0-number": "9",
                "connectors-0-kind": "ccs2",
                "connectors-0-max_power_w": "1",
            },
        )

        connector.refresh_from_db()
        assert (connector.evse_id, connector.number, connector.max_power_w) == (theirs.site.evse.pk, 1, 22_000)


class TestWhoEnters:
    def test_is_nobody_signed_out(self, ours):
        client = Client()

        answers = {client.get(page).status_code for page in lists() + pages_of(ours.owner)}

        assert answers == {302}

    def test_is_no_fleet_member(self, ours):
        client = signed_in(ours.fleet.user)

        answers = {client.get(page).status_code for page in lists() + pages_of(ours.owner)}

        assert answers == {302}

    def test_sees_nothing_while_acting_for_a_customer(self, ours, theirs):
        user = make_user(is_staff=True)
        make_member(organisation=ours.fleet.organisation, role=Role.FLEET_ADMIN, user=user)
        client = signed_in(user)

        answers = {client.get(page).status_code for page in lists()}

        assert answers == {403}

    def test_may_see_all_tenants_as_the_platforms_operator(self, theirs, platform):
        pages = [page for page in pages_of(theirs.owner) if page.endswith("/change/")]

        answers = {page: platform.get(page).status_code for page in lists() + pages}

        assert set(answers.values()) == {200}, answers

    @pytest.mark.parametrize("role", [Role.READ_ONLY, Role.TECHNICIAN, Role.SUPPORT, Role.FINANCE])
    def test_changes_only_what_the_role_allows(self, ours, role):
        client = signed_in(make_member(organisation=ours.owner, role=role, user=make_user(is_staff=True)).user)

        may_add = {name for name in HAND_MADE if client.get(reverse(f"admin:{name}_add")).status_code == 200}

        master_data = HAND_MADE - {"accounts_organisation", "accounts_membership", "accounting_agreement"}
        hardware = {"stations_location", "stations_chargingstation", "stations_evse"}
        assert (
            may_add
            == {
                Role.READ_ONLY: set(),
                Role.TECHNICIAN: hardware,
                Role.SUPPORT: {"contracts_vehicle", "contracts_costcentre", "contracts_idtoken"},
                Role.FINANCE: master_data - {"stations_chargingstation", "stations_evse"},
            }[role]
        )


class TestRowsOfTheSystem:
    def test_are_never_added_changed_or_deleted_by_hand_not_even_by_the_platform(self, ours, platform):
        system = [
            model
            for model in registered_models()
            if name_of(model) not in HAND_MADE | {"accounts_user", "stations_meterkey"}
        ]
        answers = {}
        for model in system:
            row = row_of(model, ours.owner)
            answers[name_of(model)] = (
                platform.get(reverse(f"admin:{name_of(model)}_add")).status_code,
                platform.post(reverse(f"admin:{name_of(model)}_change", args=[row.pk]), {}).status_code,
                platform.post(reverse(f"admin:{name_of(model)}_delete", args=[row.pk]), {"post": "yes"}).status_code,
            )

        assert len(answers) == 57
        assert set(answers.values()) == {(403, 403, 403)}, answers


class TestLists:
    @pytest.mark.parametrize("name", ["charging_sessions_chargingsession", "invoices_invoice", "stations_evse"])
    def test_ask_the_database_as_often_for_many_rows_as_for_few(
        self, ours, owner, name, django_assert_max_num_queries, more_rows
    ):
        page = reverse(f"admin:{name}_changelist")
        owner.get(page)

        more_rows(ours.site)

        with django_assert_max_num_queries(16):
            assert owner.get(page).status_code == 200


def empty_inline(prefix: str) -> dict[str, str]:
    return {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
