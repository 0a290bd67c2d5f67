"""Communities in the console and the portal: somebody moves in, costs are taken back, the manager reads statements."""

from datetime import date, datetime

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.contracts.communities import NotMoved, Recipient, move_in
from apps.contracts.models import Contract, CostPeriod, Customer, IdToken, Occupancy, Unit
from apps.core import clock
from apps.core.domain.zones import zone
from tests.factories import (
    NOON,
    hold_unit,
    make_community,
    make_contract,
    make_customer,
    make_member,
    make_owner,
    make_token,
    make_unit,
)
from tests.integration.tenants import signed_in

JUNE_1 = date(2026, 6, 1)
ANNA = Recipient(
    name="Anna Klein",
    street="Hof 1",
    postcode="10115",
    city="Berlin",
    country="DE",
    email="anna@example.com",
    language="de",
)


@pytest.fixture
def unit(db) -> Unit:
    return make_unit(community=make_community(number="H7"))


def enter(unit: Unit, *, holder: Contract | Recipient = ANNA, **fields) -> Occupancy:
    values = {"first_day": JUNE_1, "role": "tenant", "takes_over_cards": False, "at": NOON}
    return move_in(unit_id=unit.pk, holder=holder, **{**values, **fields})


class TestMovingIn:
    def test_makes_a_recipient_a_customer_with_a_contract_from_that_day(self, unit):
        before = hold_unit(unit=unit)

        occupancy = enter(unit)

        before.refresh_from_db()
        assert before.end_day == occupancy.first_day == JUNE_1
        customer = occupancy.contract.customer
        assert (customer.number, customer.kind, customer.name, customer.language) == (
            "H7-1",
            "private",
            "Anna Klein",
            "de",
        )
        assert occupancy.contract.valid_from == datetime(2026, 6, 1, tzinfo=zone("Europe/Berlin"))

    def test_numbers_the_next_one_on(self, unit):
        enter(unit)

        assert enter(unit, first_day=date(2026, 7, 1)).contract.number == "H7-2"

    def test_takes_the_cards_over_without_what_was_the_old_customers(self, unit):
        before = hold_unit(unit=unit)
        old = make_token(contract=before.contract, driver="Old tenant")

        occupancy = enter(unit, takes_over_cards=True)

        new = IdToken.objects.get(replaces=old)
        old.refresh_from_db()
        assert (old.status, new.status) == ("retired", "active")
        assert (new.uid, new.contract, new.driver) == (old.uid, occupancy.contract, "")

    def test_refuses_to_move_cards_before_the_day(self, unit):
        make_token(contract=hold_unit(unit=unit).contract)

        with pytest.raises(NotMoved, match="on the day itself"):
            enter(unit, first_day=date(2026, 6, 2), takes_over_cards=True)

        assert Occupancy.objects.get().end_day is None
        assert not Customer.objects.filter(name="Anna Klein").exists()

    def test_refuses_a_contract_that_holds_another_unit_or_is_anothers(self, unit):
        elsewhere = hold_unit(unit=make_unit(community=unit.customer)).contract
        stranger = make_contract(customer=make_customer(seller=make_owner()))

        with pytest.raises(NotMoved, match="holds another unit"):
            enter(unit, holder=elsewhere)
        with pytest.raises(NotMoved, match="another seller"):
            enter(unit, holder=stranger)

    def test_refuses_days_on_which_somebody_is_entered_or_that_are_not_the_units(self, unit):
        hold_unit(unit=unit, first_day=date(2026, 7, 1))

        with pytest.raises(NotMoved, match="Somebody is entered for later days"):
            enter(unit)
        with pytest.raises(NotMoved, match="no unit of the community"):
            enter(unit, first_day=date(2019, 1, 1))


class TestTheConsole:
    def test_moves_somebody_in_by_a_form(self, ours, owner):
        unit = make_unit(community=Unit.objects.get(customer__seller=ours.owner).customer)
        page = reverse("admin:contracts_unit_move", args=[unit.pk])
        values = {"first_day": "2026-06-01", "role": "tenant", "country": "DE", "language": "de"}

        assert "Needed for a new recipient" in owner.post(page, values).content.decode()
        answer = owner.post(
            page,
            {
                **values,
                "name": "Anna Klein",
                "street": "Hof 1",
                "postcode": "10115",
                "city": "Berlin",
                "email": "anna@example.com",
            },
            follow=True,
        ).content.decode()

        assert "is held by" in answer
        assert unit.occupancies.get().contract.customer.name == "Anna Klein"

    def test_says_in_words_that_two_holders_share_days(self, ours, owner):
        unit = make_unit(community=Unit.objects.get(customer__seller=ours.owner).customer, label="Flat 9")
        contracts = [make_contract(customer=make_customer(seller=ours.owner)) for _ in "12"]
        rows = {
            f"occupancies-{number}-{field}": value
            for number, contract in enumerate(contracts)
            for field, value in (("contract", contract.pk), ("role", "tenant"), ("first_day", f"2026-0{number + 1}-01"))
        }
        form = {"label": "Flat 9", "area_sqm": "50", "first_day": "2020-01-01"}
        counts = {"occupancies-TOTAL_FORMS": "2", "occupancies-INITIAL_FORMS": "0"}
        page = reverse("admin:contracts_unit_change", args=[unit.pk])

        answer = owner.post(page, {**form, **counts, **rows}).content.decode()
        assert "Two holders share days" in answer
        owner.post(page, {**form, **counts, **rows, "occupancies-0-end_day": "2026-02-01"})

        assert [one.contract for one in unit.occupancies.order_by("first_day")] == contracts

    def test_takes_a_cost_back_with_a_reason(self, ours, owner):
        period = CostPeriod.objects.get(cost__customer__seller=ours.owner)

        owner.post(reverse("admin:contracts_costperiod_take_back", args=[period.pk]), {"reason": "Wrong key"})

        assert CostPeriod.objects.get(reverses=period).reason == "Wrong key"
        assert CostPeriod.objects.get(reverses=period).shared_by == ours.operator.user

    def test_lets_support_look_and_take_nothing_back(self, ours):
        support = signed_in(make_member(organisation=ours.owner, role=Role.SUPPORT).user)
        period = CostPeriod.objects.get(cost__customer__seller=ours.owner)

        support.post(reverse("admin:contracts_costperiod_take_back", args=[period.pk]), {"reason": "Mine"})

        assert not CostPeriod.objects.filter(reverses=period).exists()
        assert support.get(reverse("admin:contracts_costperiod_change", args=[period.pk])).status_code == 200

    @pytest.mark.parametrize(("file", "media_type"), [("pdf", "application/pdf"), ("csv", "text/csv; charset=utf-8")])
    def test_makes_a_statement(self, ours, owner, file, media_type):
        community = Unit.objects.get(customer__seller=ours.owner).customer
        month = clock.now().date().replace(day=1).isoformat()

        response = owner.post(reverse("console:community", args=[community.pk]), {"month": month, "file": file})

        assert response["Content-Type"] == media_type


class TestTheManager:
    def test_reads_units_and_statements_in_the_portal(self, ours, theirs):
        manager = signed_in(ours.fleet.user)
        community = Unit.objects.get(customer__seller=ours.owner).customer
        foreign = Unit.objects.get(customer__seller=theirs.owner).customer
        today = clock.now().date()

        page = manager.get(reverse("portal:community", args=[community.pk])).content.decode()
        table = manager.get(reverse("portal:community-statement", args=[community.pk, today.year, today.month, "csv"]))

        assert "OURS Flat" in page
        assert "OURS House" in manager.get(reverse("portal:contracts")).content.decode()
        assert table.content.decode("utf-8-sig").startswith("Unit,Held by")
        for address in (
            reverse("portal:community-statement", args=[community.pk, 1999, 1, "csv"]),
            reverse("portal:community-statement", args=[community.pk, today.year, today.month, "xls"]),
            reverse("portal:community-statement", args=[foreign.pk, today.year, today.month, "csv"]),
        ):
            assert manager.get(address).status_code == 404
