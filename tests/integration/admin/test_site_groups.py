"""Site groups in the console: made, filled, priced and shown; what was is kept, what is another's is refused."""

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.contracts.models import AgreedTariff, ContractVersion, GroupedSite, SiteGroup, TariffAssignment
from apps.core import clock
from tests.factories import (
    assign_tariff,
    make_contract,
    make_customer,
    make_group,
    make_location,
    make_tariff,
    make_template,
    put_into,
)
from tests.integration.tenants import CANARY

LIST = "admin:contracts_sitegroup_changelist"
ADD = "admin:contracts_sitegroup_add"
KEPT = "What was is kept"


def form_of(group, *new, **fields):
    """Fill in a group's form: its rows as they are, new (location, day) ones after them, then ``fields``."""
    rows = list(group.sites.order_by("pk")) if group else []
    form = {
        "name": group.name if group else "Depots",
        "sites-TOTAL_FORMS": str(len(rows) + len(new)),
        "sites-INITIAL_FORMS": str(len(rows)),
        "assignments-TOTAL_FORMS": "0",
        "assignments-INITIAL_FORMS": "0",
    }
    for n, row in enumerate(rows):
        form |= {f"sites-{n}-id": row.pk, f"sites-{n}-group": group.pk, f"sites-{n}-location": row.location_id}
        form |= day(f"sites-{n}-valid_from", row.valid_from)
        form |= day(f"sites-{n}-valid_to", row.valid_to)
    for n, (location, at) in enumerate(new, start=len(rows)):
        form |= {f"sites-{n}-location": location.pk, **day(f"sites-{n}-valid_from", at)}
    return form | fields


def day(name: str, at: datetime | None) -> dict[str, str]:
    return {f"{name}_0": at.strftime("%Y-%m-%d") if at else "", f"{name}_1": at.strftime("%H:%M:%S") if at else ""}


def change(client, group, *new, **fields) -> str:
    page = reverse("admin:contracts_sitegroup_change", args=[group.pk])
    return unescape(client.post(page, form_of(group, *new, **fields), follow=True).content.decode())


@pytest.fixture
def group(ours):
    """Our group with the one site that it has held for long."""
    return SiteGroup.objects.get(seller=ours.owner)


@pytest.fixture
def at():
    """A whole second a day ahead, in the owner's winter."""
    return (clock.now() + timedelta(days=1)).astimezone(UTC).replace(microsecond=0)


class TestAGroup:
    def test_is_made_with_its_sites_and_priced_for_a_contract(self, ours, owner):
        site = make_location(owner=ours.owner, name="North")
        begin = datetime(2026, 1, 1, tzinfo=UTC)

        owner.post(reverse(ADD), form_of(None, (site, begin)))

        made = SiteGroup.objects.get(name="Depots")
        form = {"tariff": ours.site.tariff.pk, "contract": ours.site.contract.pk, "group": made.pk}
        owner.post(reverse("admin:contracts_tariffassignment_add"), form | day("valid_from", begin))
        assignment = TariffAssignment.objects.get(group=made)
        assert (made.seller, made.sites.get().location, assignment.contract) == (ours.owner, site, ours.site.contract)
        pages = {
            reverse(LIST): "Depots",
            reverse("admin:contracts_sitegroup_change", args=[made.pk]): "OURS Tariff",
            reverse("admin:contracts_tariffassignment_changelist"): "site group <strong>Depots</strong>",
            reverse("admin:contracts_contract_change", args=[ours.site.contract.pk]): "Depots",
            reverse("admin:stations_location_change", args=[site.pk]): "Depots",
            reverse("admin:contracts_contract_on_a_day", args=[ours.site.contract.pk]): "at sites of Depots",
        }
        assert [page for page, words in pages.items() if words not in owner.get(page).content.decode()] == []

    def test_is_shown_on_the_page_of_a_station_that_it_prices(self, ours, owner, group):
        assign_tariff(tariff=ours.site.tariff, group=group)

        page = owner.get(reverse("console:station", args=[ours.site.station.pk])).content.decode()

        assert "at sites of OURS Group" in page

    def test_takes_no_place_beside_it(self, ours, owner, group):
        places = {"tariff": ours.site.tariff.pk, "group": group.pk, "location": ours.site.location.pk}
        form = places | day("valid_from", datetime(2026, 1, 1, tzinfo=UTC))

        page = owner.post(reverse("admin:contracts_tariffassignment_add"), form).content.decode()

        assert "Only a contract or a membership tier can be joined with a site group." in page
        assert not TariffAssignment.objects.filter(group=group).exists()

    def test_of_another_seller_is_not_found_and_not_assigned_to(self, ours, theirs, owner, platform):
        stranger = SiteGroup.objects.get(seller=theirs.owner)
        page = reverse("admin:contracts_sitegroup_change", args=[stranger.pk])
        form = {"tariff": ours.site.tariff.pk, "group": stranger.pk, "seller": ours.owner.pk}
        form |= day("valid_from", datetime(2026, 1, 1, tzinfo=UTC))

        answers = [client.post(reverse("admin:contracts_tariffassignment_add"), form) for client in (owner, platform)]

        assert (owner.get(page).status_code, owner.post(page, form_of(stranger)).status_code) == (404, 404)
        assert CANARY not in answers[0].content.decode()
        assert "This belongs to another seller." in answers[1].content.decode()
        assert not TariffAssignment.objects.filter(group=stranger).exists()

    def test_is_shown_with_all_its_sites_and_tariffs_in_as_few_queries(self, ours, owner, group):
        for number in range(20):
            put_into(group, make_location(owner=ours.owner))
            contract = make_contract(customer=make_customer(seller=ours.owner))
            assign_tariff(tariff=make_tariff(owner=ours.owner, name=f"Rate {number}"), group=group, contract=contract)

        with CaptureQueriesContext(connection) as asked:
            page = owner.get(reverse("admin:contracts_sitegroup_change", args=[group.pk])).content.decode()

        assert (page.count("Rate "), len(asked) <= 30) == (20, True), len(asked)


class TestItsSites:
    def test_leave_from_a_moment_to_come_and_are_never_taken_out_of_the_past(self, ours, owner, group, at):
        gone = at - timedelta(days=2)
        row = group.sites.get()

        refused = [
            change(owner, group, **day("sites-0-valid_to", gone)),
            change(owner, group, **{"sites-0-DELETE": "on"}),
        ]
        row.refresh_from_db()
        before = row.valid_to
        change(owner, group, **day("sites-0-valid_to", at), **day("sites-0-valid_from", gone))

        moved = GroupedSite.objects.get(pk=row.pk)
        assert [KEPT in page.replace("what was", "What was") for page in refused] == [True, True]
        # The owner's clock is Berlin's; its begin is shown and not taken from the form.
        assert (before, moved.valid_from, abs(moved.valid_to - at) <= timedelta(hours=2)) == (
            None,
            row.valid_from,
            True,
        )

    def test_are_refused_in_words_where_they_are_in_a_group_already(self, ours, owner, group, at):
        other = make_location(owner=ours.owner)
        put_into(make_group(name="Yards", seller=ours.owner), other)

        taken = change(owner, group, (other, at))
        twice = change(owner, group, (make_location(owner=ours.owner, name="North"), at), (ours.site.location, at))

        assert "This location is in a group in that time: let it leave that one first." in taken
        assert "in a group in that time" in twice
        assert group.sites.count() == 1

    def test_are_refused_twice_on_one_page(self, ours, owner, group, at):
        north = make_location(owner=ours.owner, name="North")

        page = change(owner, group, (north, at), (north, at + timedelta(days=1)))

        assert "North is in the group twice at a time" in page
        assert group.sites.count() == 1

    def test_of_another_seller_are_refused(self, ours, theirs, owner, platform, group, at):
        location = make_location(owner=theirs.owner, name=f"{CANARY} Yard")

        pages = [change(client, group, (location, at)) for client in (owner, platform)]

        assert "This belongs to another seller." in pages[1]
        assert CANARY not in pages[0]
        assert group.sites.count() == 1

    def test_are_refused_where_the_seller_may_not_sell_what_applies_there(self, ours, owner, group, at):
        assign_tariff(tariff=ours.site.tariff, group=group)
        vienna = make_location(owner=ours.owner, name="Wien", country="AT", time_zone="Europe/Vienna")

        page = change(owner, group, (vienna, at))

        assert "has no tax registration in Austria (AT)" in page
        assert group.sites.count() == 1


class TestADocument:
    def test_is_drafted_with_a_tariff_for_a_groups_sites_without_an_id_typed(self, ours, theirs, owner, group):
        ContractVersion.objects.filter(contract=ours.site.contract).update(status="withdrawn", withdrawn_at=clock.now())
        page = reverse("admin:contracts_contract_draft", args=[ours.site.contract.pk])
        form = {
            "template": make_template(seller=ours.owner).pk,
            "first_day": (clock.now() + timedelta(days=3)).date().isoformat(),
            "renews_months": "0",
            "notice_days": "30",
        }
        asked = owner.get(page).content.decode()
        name = f"tariff_at_{group.pk}"

        foreign = owner.post(page, form | {name: theirs.site.tariff.pk}).content.decode()
        owner.post(page, form | {name: ours.site.tariff.pk})

        agreed = AgreedTariff.objects.get()
        shown = owner.get(reverse("admin:contracts_contractversion_change", args=[agreed.version_id])).content.decode()
        assert ("Tariff at sites of OURS Group" in asked, CANARY in asked) == (True, False)
        assert "is not one of the available choices" in foreign
        assert (agreed.group, agreed.tariff, agreed.version.contract) == (group, ours.site.tariff, ours.site.contract)
        assert "OURS Tariff at sites of OURS Group" in shown
