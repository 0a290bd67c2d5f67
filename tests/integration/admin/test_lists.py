"""What lists offer beside their rows: views that people keep, files, acts on many rows, and who changed what."""

import csv
from io import StringIO

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.widgets import AutocompleteSelect
from django.urls import reverse

from apps.accounts import tenant_admin
from apps.accounts.domain.roles import Role
from apps.accounts.models import SavedView
from apps.contracts.models import IdToken
from apps.ledger.services.sums import add_up
from tests.factories import make_member, make_token, make_user
from tests.integration.tenants import CANARY, answer, registered_models, signed_in

SESSIONS = "charging_sessions_chargingsession"
CARDS = "contracts_idtoken"
FILES = (
    *(SESSIONS, "charging_sessions_cdr", "invoices_invoice", "stations_chargingstation"),
    *("payments_payment", "payments_paymentattempt", "payments_bankreceipt", "accounting_discrepancy"),
)


def page(name: str, *args: object) -> str:
    return reverse(f"admin:{name}", args=args)


def colleague(tenant, role: Role = Role.SUPPORT):
    return signed_in(make_member(organisation=tenant.owner, role=role, user=make_user(is_staff=True)).user)


def views(desk, name: str) -> list[str]:
    return [view.name for view in desk.get(page(f"{name}_changelist")).context["saved_views"]]


class TestSavedViews:
    def test_are_ones_own_unless_they_are_shared_with_the_organisation(self, ours, theirs, owner):
        desk, stranger = colleague(ours), signed_in(theirs.operator.user)
        save = page(f"{SESSIONS}_save_view")

        kept = owner.post(save, {"name": "To decide", "query": "status__exact=review&p=3"})
        owner.post(save, {"name": "Live", "query": "status__exact=live", "is_shared": "on"})

        assert kept.headers["Location"] == f"{page(f'{SESSIONS}_changelist')}?status__exact=review"
        assert owner.get(kept.headers["Location"]).context["cl"].result_count == 1
        assert views(owner, SESSIONS) == ["Live", "To decide"]
        assert views(desk, SESSIONS) == ["Live"]
        assert views(stranger, SESSIONS) == views(owner, "invoices_invoice") == []

    def test_are_replaced_by_the_same_name_and_dropped_by_their_maker_or_the_owner(self, ours, theirs, owner):
        desk, stranger = colleague(ours), signed_in(theirs.operator.user)
        save = page(f"{SESSIONS}_save_view")
        for query in ("status__exact=live", "status__exact=settled"):
            desk.post(save, {"name": "Mine", "query": query, "is_shared": "on"})
        owner.post(save, {"name": "Theirs", "is_shared": "on"})
        mine, of_owner = SavedView.objects.order_by("pk")
        drop = {view: page(f"{SESSIONS}_drop_view", view.pk) for view in (mine, of_owner)}

        assert mine.query == "status__exact=settled"
        assert [stranger.post(drop[mine]).status_code, desk.post(drop[of_owner]).status_code] == [404, 403]
        assert [owner.get(drop[mine]).status_code, owner.post(drop[mine]).status_code] == [405, 302]
        assert list(SavedView.objects.all()) == [of_owner]

    def test_need_a_name_and_are_closed_to_customers(self, ours, owner):
        save = page(f"{SESSIONS}_save_view")

        owner.post(save, {"name": "", "query": "status__exact=live"})
        owner.post(save, {"name": "x" * 41})
        refused = signed_in(ours.fleet.user).post(save, {"name": "Mine"})

        assert refused.status_code == 302
        assert SavedView.objects.count() == 0


class TestFiles:
    def test_hold_the_rows_of_the_list_as_it_is_filtered_and_never_anothers(self, ours, theirs, owner):
        def rows(name: str, **query) -> list[dict[str, str]]:
            told = owner.get(page(f"{name}_csv"), query).getvalue().decode("utf-8-sig")
            assert CANARY not in told
            return list(csv.DictReader(StringIO(told)))

        listed = {name: owner.get(page(f"{name}_changelist")).context["cl"].result_count for name in FILES}
        found = {row["session"]: row for row in rows(SESSIONS, q=str(ours.session.station))}
        settled = found[str(ours.session.uid)]

        assert {name: len(rows(name)) for name in FILES} == listed
        assert [row["status"] for row in rows(SESSIONS, status__exact="review")] == ["review"]
        assert (settled["energy_kwh"], settled["currency"]) == ("10", "EUR")
        assert settled["gross"] == str(ours.cdr.gross.amount)

    def test_are_defused(self, ours, owner):
        ours.site.customer.name = "=HYPERLINK(1)"
        ours.site.customer.save()

        told = owner.get(page("invoices_invoice_csv")).getvalue().decode()

        assert "'=HYPERLINK(1)" in told
        assert ",=HYPERLINK" not in told


class TestActsOnManyRows:
    def test_are_asked_for_first_and_say_what_became_of_each(self, ours, theirs, owner):
        active, blocked = ours.site.token, make_token(contract=ours.site.contract, uid="SECOND")
        IdToken.objects.filter(pk=blocked.pk).update(status="retired")
        cards = {"_selected_action": [active.pk, blocked.pk, theirs.site.token.pk], "action": "block_many"}

        asked = owner.post(page(f"{CARDS}_changelist"), cards)
        before = IdToken.objects.get(pk=active.pk).status
        done = owner.post(page(f"{CARDS}_changelist"), {**cards, "confirmed": "yes"})

        assert (before, {row.pk for row in asked.context["rows"]}) == ("active", {active.pk, blocked.pk})
        assert {one.row.pk: one.is_done for one in done.context["done"]} == {active.pk: True, blocked.pk: False}
        assert IdToken.objects.get(pk=active.pk).status == "blocked"
        assert IdToken.objects.get(pk=theirs.site.token.pk).status == "active"
        assert [entry.object_id for entry in LogEntry.objects.all()] == [str(active.pk)]
        assert CANARY.encode() not in answer(done)

    def test_are_no_business_of_who_only_looks(self, ours):
        desk = colleague(ours, Role.READ_ONLY)
        cards = {"_selected_action": [ours.site.token.pk], "action": "block_many", "confirmed": "yes"}

        desk.post(page(f"{CARDS}_changelist"), cards)

        assert IdToken.objects.get(pk=ours.site.token.pk).status == "active"


class TestHistory:
    def test_says_who_changed_what_from_what_to_what(self, ours, owner):
        location = ours.site.location
        change = page("stations_location_change", location.pk)

        saved = owner.post(change, {**filled_in(owner, change), "city": "Kempten"})
        told = owner.get(page("stations_location_history", location.pk)).content.decode()

        assert saved.status_code == 302
        assert f"Changed City: {location.city} → Kempten." in told
        assert ours.operator.user.email in told

    def test_tells_rows_beneath_an_object_and_acts_too(self, ours, owner):
        change = page("accounts_organisation_change", ours.owner.pk)

        saved = owner.post(change, {**filled_in(owner, change), "tax_registrations-0-valid_to": "2030-01-01"})
        owner.post(page("contracts_contract_suspend", ours.site.contract.pk), {"reason": "Owes"})

        assert saved.status_code == 302
        assert "Valid to: nothing → 2030-01-01" in told_of(ours.owner)
        assert told_of(ours.site.contract) != ""


def filled_in(desk, change: str) -> dict[str, object]:
    """Return what a browser sends back of a page on which nobody has typed."""
    context = desk.get(change).context
    forms_shown = [context["adminform"].form]
    for shown in context["inline_admin_formsets"]:
        forms_shown += [shown.formset.management_form, *shown.formset.initial_forms]
    return {
        form.add_prefix(name): "" if form[name].value() is None else form[name].value()
        for form in forms_shown
        for name in form.fields
        if form[name].value() is not False
    }


def told_of(row) -> str:
    return " ".join(entry.get_change_message() for entry in LogEntry.objects.filter(object_id=str(row.pk)))


class TestForms:
    # Choices that an owner has a handful of.
    FEW = ("Plan", "MembershipTier", "AllocationKey", "Organisation", "TariffVersion")

    def test_ask_for_no_number_and_offer_no_endless_list(self, ours, platform, rf):
        request = rf.get("/")
        request.user, request.session = ours.operator.user, {}
        request.get_membership = lambda: ours.operator
        endless = []
        for model in registered_models():
            page_of = admin.site._registry[model]
            assert not page_of.raw_id_fields
            if not page_of.has_add_permission(request):
                continue
            for name, field in page_of.get_form(request).base_fields.items():
                if isinstance(field, forms.ModelChoiceField) and is_endless(field, self.FEW):
                    endless.append(f"{model.__name__}.{name}")

        assert endless == []


def is_endless(field: forms.ModelChoiceField, few: tuple[str, ...]) -> bool:
    widget = getattr(field.widget, "widget", field.widget)
    return not isinstance(widget, AutocompleteSelect) and field.queryset.model.__name__ not in few


class TestCounting:
    def test_stops_where_nobody_turns_pages_and_says_so(self, ours, monkeypatch):
        for number in range(3):
            make_token(contract=ours.site.contract, uid=f"COUNTED{number}")
        desk = colleague(ours)
        whole = desk.get(page(f"{CARDS}_changelist")).content.decode()
        searched = desk.get(page(f"{CARDS}_changelist"), {"q": "COUNTED1"}).content.decode()
        monkeypatch.setattr(tenant_admin, "MOST_COUNTED", 2)
        cut = desk.get(page(f"{CARDS}_changelist")).content.decode()

        assert ("More than" in whole, "More than 2 id tokens. Search or filter to find the others." in cut) == (
            False,
            True,
        )
        assert ("Show all" in whole, "Show all" in searched) == (False, True)


def test_the_list_of_accounts_shows_balances_of_old_entries_and_new(ours, owner):
    page = "/admin/ledger/account/"
    before = owner.get(page).content.decode()

    add_up(entity_id=ours.owner.pk)
    after = owner.get(page).content.decode()

    balances = [account.balances for account in owner.get(page).context["cl"].result_list]
    assert any(pair["total"] for balance in balances for pair in balance)
    assert before.count("€") == after.count("€") > 0
