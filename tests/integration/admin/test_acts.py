"""What an operator does in the console: each act asks first, then makes one call into a service."""

from datetime import timedelta

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.accounts.models import User
from apps.contracts.models import Contract, IdToken, TariffAssignment
from apps.core import clock
from apps.invoices.models import BillingRun, Invoice
from apps.invoices.services.billing import carry_on
from apps.invoices.services.holding import hold_contract
from apps.stations.models import ChargingStation, Location
from apps.stations.services import hash_key
from tests.factories import make_member, make_user
from tests.integration.tenants import signed_in

SITE = {
    "name": "North",
    "street": "Kai 1",
    "postcode": "20457",
    "city": "Hamburg",
    "country": "DE",
    "time_zone": "Europe/Berlin",
    "stations-TOTAL_FORMS": "0",
    "stations-INITIAL_FORMS": "0",
    "groups-TOTAL_FORMS": "0",
    "groups-INITIAL_FORMS": "0",
}


class TestAddingALocation:
    def test_gives_it_to_the_acting_organisation(self, ours, theirs, owner):
        owner.post(reverse("admin:stations_location_add"), SITE | {"owner": theirs.owner.pk})

        assert Location.objects.get(name="North").owner == ours.owner

    def test_refuses_a_name_taken_in_words(self, ours, owner):
        taken = SITE | {"name": ours.site.location.name}

        response = owner.post(reverse("admin:stations_location_add"), taken)

        assert "You already have a location of this name." in response.content.decode()
        assert Location.objects.filter(owner=ours.owner).count() == 1


class TestAStationsKey:
    def test_is_shown_once_and_kept_as_a_hash(self, ours, owner):
        page = reverse("admin:stations_chargingstation_new_key", args=[ours.site.station.pk])

        asked = owner.get(page)
        shown = owner.post(page)

        key = shown.context["key"]
        stored = ChargingStation.objects.get(pk=ours.site.station.pk).key_hash
        assert asked.status_code == 200
        assert key in shown.content.decode()
        assert "no-store" in shown["Cache-Control"]
        assert stored == hash_key(key) != ours.site.station.key_hash
        assert key not in owner.get(page).content.decode()

    def test_is_not_made_by_looking(self, ours, owner):
        owner.get(reverse("admin:stations_chargingstation_new_key", args=[ours.site.station.pk]))

        assert ChargingStation.objects.get(pk=ours.site.station.pk).key_hash == ours.site.station.key_hash

    def test_is_not_for_support_to_make(self, ours):
        client = signed_in(make_member(organisation=ours.owner, role=Role.SUPPORT, user=make_user(is_staff=True)).user)

        response = client.post(reverse("admin:stations_chargingstation_new_key", args=[ours.site.station.pk]))

        assert response.status_code == 403
        assert ChargingStation.objects.get(pk=ours.site.station.pk).key_hash == ours.site.station.key_hash


class TestACard:
    def test_already_in_a_contract_is_refused_in_words(self, ours, owner):
        card = {"contract": str(ours.site.contract.pk), "uid": ours.site.token.uid.lower()}

        response = owner.post(reverse("admin:contracts_idtoken_add"), card)

        assert "This card is in another contract already" in response.content.decode()
        assert IdToken.objects.filter(uid__iexact=ours.site.token.uid).count() == 1


class TestASessionInReview:
    def test_leads_to_where_it_is_decided(self, ours, owner):
        page = reverse("admin:charging_sessions_chargingsession_decide", args=[ours.in_review.pk])

        assert owner.get(page).url == reverse("console:review", args=[ours.in_review.uid])


class TestAnInvoice:
    def test_is_credited_in_full_with_a_reason(self, ours, owner):
        page = owner.get(reverse("admin:invoices_invoice_credit", args=[ours.invoice.pk])).url
        left = sum(line.net.amount for line in ours.invoice.lines.all())

        owner.post(page, {"how_much": "whole", "reason": "Wrong tariff.", "seen_left": left, "confirmed": "1"})

        note = Invoice.objects.get(credits=ours.invoice)
        assert (note.gross, note.reason, note.issued_by) == (-ours.invoice.gross, "Wrong tariff.", ours.operator.user)

    def test_is_not_for_a_technician_to_credit(self, ours):
        user = make_member(organisation=ours.owner, role=Role.TECHNICIAN, user=make_user(is_staff=True)).user

        response = signed_in(user).post(
            reverse("admin:invoices_invoice_credit", args=[ours.invoice.pk]), {"reason": "No"}
        )

        assert response.status_code == 403
        assert not Invoice.objects.filter(credits=ours.invoice).exists()

    def test_is_downloaded_as_it_was_rendered(self, ours, owner):
        response = owner.get(reverse("admin:invoices_invoice_pdf", args=[ours.invoice.pk]))

        assert response.content == bytes(ours.document.content)
        assert response["Content-Disposition"] == 'attachment; filename="OURS.pdf"'

    def test_is_downloaded_as_an_electronic_invoice_too(self, ours, owner):
        response = owner.get(reverse("admin:invoices_invoice_xml", args=[ours.invoice.pk]))

        assert response.content == b"<Invoice/>OURS"
        assert response["Content-Disposition"] == 'attachment; filename="OURS.xml"'

    def test_leads_each_line_to_its_trace(self, ours, owner):
        response = owner.get(reverse("admin:invoices_invoice_change", args=[ours.invoice.pk]))

        assert reverse("console:session", args=[ours.session.uid]) in response.content.decode()


class TestABillingRun:
    def test_bills_the_acting_organisation_and_nobody_else(self, ours, theirs, owner):
        response = owner.post(reverse("admin:invoices_billingrun_run"), {"until_date": "2026-06-30"})

        run = BillingRun.objects.latest("pk")
        page = reverse("console:billing-run", args=[run.pk])
        assert (response.status_code, response["Location"]) == (302, page)
        assert (run.seller, str(run.until_date), run.status) == (ours.owner, "2026-06-30", "running")
        assert "contracts are done" in owner.get(page).content.decode()
        assert carry_on(run_id=run.pk, at=clock.now()).status == "done"

    def test_of_a_day_ahead_is_refused_on_the_form(self, ours, owner):
        ahead = clock.now().date() + timedelta(days=2)

        page = owner.post(reverse("admin:invoices_billingrun_run"), {"until_date": ahead.isoformat()})

        assert (page.status_code, BillingRun.objects.filter(until_date=ahead).exists()) == (200, False)
        assert f"{ahead.isoformat()} is still to come: bill until" in page.content.decode()

    def test_under_review_is_looked_at_held_and_let_go(self, ours, owner):
        owner.post(reverse("admin:invoices_billingrun_run"), {"until_date": "2026-06-30", "is_reviewed": "on"})
        run = BillingRun.objects.latest("pk")
        carry_on(run_id=run.pk, at=clock.now())
        page = reverse("console:billing-run", args=[run.pk])

        looked = owner.get(page).content.decode()
        response = owner.post(reverse("console:billing-decide", args=[run.pk]), {"decision": "give up"}, follow=True)

        assert "Look at what would be issued" in looked
        assert "The drafts are thrown away." in response.content.decode()
        run.refresh_from_db()
        assert run.status == "done"

    def test_of_another_owner_is_not_there(self, ours, theirs, owner):
        run = BillingRun.objects.filter(seller=theirs.owner).first()

        assert owner.get(reverse("console:billing-run", args=[run.pk])).status_code == 404
        assert owner.post(reverse("console:billing-decide", args=[run.pk])).status_code == 404
        assert owner.get(reverse("console:hold-session", args=[theirs.session.uid])).status_code == 404

    def test_holds_are_let_go_from_their_own_list(self, ours, owner):
        hold = hold_contract(contract_id=ours.site.contract.pk, reason="In talks", by=None, at=clock.now())
        page = reverse("admin:invoices_billinghold_change", args=[hold.pk])
        offered = owner.get(page).content.decode()

        response = owner.post(reverse("admin:invoices_billinghold_release", args=[hold.pk]), follow=True)

        hold.refresh_from_db()
        assert (hold.released_at is not None, hold.released_by) == (True, ours.operator.user)
        assert "It is let go" in response.content.decode()
        assert "Let go" in offered
        assert "Let go" not in owner.get(page).content.decode()

    def test_asks_why_a_session_is_held(self, ours, owner):
        address = reverse("console:hold-session", args=[ours.session.uid])

        asked = owner.get(address).content.decode()
        refused = owner.post(address, {"reason": "They ask about it"}).content.decode()

        assert "Why it is not billed now" in asked
        assert "An invoice bills this session already" in refused


class TestAPersonsAccess:
    def test_ends_with_the_last_membership(self, ours, owner):
        member = make_member(organisation=ours.owner, role=Role.FINANCE, user=make_user(is_staff=True))

        owner.post(reverse("admin:accounts_membership_delete", args=[member.pk]), {"post": "yes"})

        assert not User.objects.get(pk=member.user_id).is_staff


class TestAMembership:
    def test_is_never_ended_or_changed_by_its_own_person(self, ours, owner):
        page = reverse("admin:accounts_membership_delete", args=[ours.operator.pk])
        change = reverse("admin:accounts_membership_change", args=[ours.operator.pk])

        answers = [owner.post(page, {"post": "yes"}).status_code, owner.post(change, {"role": "support"}).status_code]

        ours.operator.refresh_from_db()
        assert answers == [403, 403]
        assert ours.operator.role == "owner"


class TestThePlatformsOperator:
    def test_cannot_mix_two_sellers_in_a_contract(self, ours, theirs, platform):
        form = {
            "seller": ours.owner.pk,
            "customer": theirs.site.customer.pk,
            "number": "MIX",
            "valid_from_0": "2026-01-01",
            "valid_from_1": "00:00",
            "billing_cycle": "run",
            "payment_days": "14",
            "collects_on": "issue",
            "debit_notice_days": "1",
            "tokens-TOTAL_FORMS": "0",
            "tokens-INITIAL_FORMS": "0",
            "reminder_days": "7,14",
            "reminder_fees": "0,5",
            "reminder_least": "0",
            "suspends_after": "2",
            "plans-TOTAL_FORMS": "0",
            "plans-INITIAL_FORMS": "0",
            "versions-TOTAL_FORMS": "0",
            "assignments-TOTAL_FORMS": "0",
            "assignments-INITIAL_FORMS": "0",
            "versions-INITIAL_FORMS": "0",
        }

        refused = platform.post(reverse("admin:contracts_contract_add"), form)
        made = platform.post(reverse("admin:contracts_contract_add"), form | {"customer": ours.site.customer.pk})

        assert "This belongs to another seller." in refused.content.decode()
        assert made.status_code == 302
        assert Contract.objects.get(number="MIX").seller == ours.owner

    def test_cannot_assign_a_tariff_to_another_sellers_station(self, ours, theirs, platform):
        form = {
            "seller": ours.owner.pk,
            "tariff": ours.site.tariff.pk,
            "station": theirs.site.station.pk,
            "valid_from_0": "2026-01-01",
            "valid_from_1": "00:00",
        }

        response = platform.post(reverse("admin:contracts_tariffassignment_add"), form)

        assert "This belongs to another seller." in response.content.decode()
        assert not TariffAssignment.objects.filter(station=theirs.site.station).exists()


class TestAMistypedYear:
    @pytest.mark.parametrize("day", ["0001-01-01", "0206-01-01", "9999-12-31"])
    def test_is_refused_at_its_field_before_it_breaks_every_page_and_start(self, ours, owner, day):
        form = {"tariff": ours.site.tariff.pk, "evse": ours.site.evse.pk, "valid_from_0": day, "valid_from_1": "00:00"}

        response = owner.post(reverse("admin:contracts_tariffassignment_add"), form)

        assert "Name a year from 1900 to 2199." in response.content.decode()
        assert not TariffAssignment.objects.filter(evse=ours.site.evse).exists()


class TestAnEmptyList:
    def test_of_assignments_says_what_a_session_without_a_tariff_comes_to(self, db):
        owner = make_user(is_staff=True, is_superuser=True)

        text = signed_in(owner).get(reverse("admin:contracts_tariffassignment_changelist")).content.decode()

        assert "they go to review and nobody is billed for them" in text

    def test_says_what_to_do_next(self, db):
        owner = make_user(is_staff=True, is_superuser=True)

        text = signed_in(owner).get(reverse("admin:stations_location_changelist")).content.decode()

        assert "Start here: a location has the address" in text
