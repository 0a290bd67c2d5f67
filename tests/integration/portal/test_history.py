"""What customers change in the portal stands in the history of the row and of the customer, where the seller reads."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.accounts.models import Invitation
from apps.contracts.models import CostCentre, IdToken, Vehicle
from apps.sessions.models import Budget
from tests.factories import Site, make_customer, make_member, make_site, make_user
from tests.integration.tenants import signed_in


@pytest.fixture
def site(db) -> Site:
    return make_site()


@pytest.fixture
def manager(site):
    user = make_user(email="mara@fleet.example")
    return signed_in(make_member(organisation=site.customer.organisation, role=Role.FLEET_ADMIN, user=user).user)


def told_of(row) -> list[str]:
    """Return the lines of a row's history, the first one first."""
    entries = LogEntry.objects.filter(content_type__model=row._meta.model_name, object_id=str(row.pk))
    return [entry.get_change_message() for entry in entries.order_by("pk")]


def deleted_of(row) -> str:
    return f"Deleted {row._meta.verbose_name} “{row}”."


class TestTheHistory:
    def test_says_of_a_card_what_it_was_and_what_it_is_in_english_and_at_the_customer_too(self, site, manager):
        card = site.token
        page = reverse("portal:card", args=[card.public_uid])
        form = {"driver": "Dora", "vehicle": site.vehicle.pk, "cost_centre": "", "last_day": ""}

        manager.post(page, form, headers={"accept-language": "de"})
        manager.post(page, form)
        manager.post(reverse("portal:card-act", args=[card.public_uid, "lost"]))
        manager.post(reverse("portal:card-replace", args=[card.public_uid]), {"uid": "0DD0FF00"})

        assert told_of(card) == [
            f"Changed Driver: {card.driver or 'nothing'} → Dora.",
            "Reported lost and blocked.",
            "Replaced by …FF00.",
        ]
        assert told_of(IdToken.objects.get(uid="0DD0FF00")) == ["Added."]
        at_customer = told_of(site.customer)
        assert len(at_customer) == 4
        assert at_customer[0].startswith("Changed Driver: ")
        assert str(card) in at_customer[0]

    def test_tells_of_vehicles_cost_centres_budgets_and_people(self, site, manager):
        customer = site.customer
        manager.post(reverse("portal:vehicle-add", args=[customer.pk]), {"plate": "B-NEW 1", "label": ""})
        vehicle = Vehicle.objects.get(plate="B-NEW 1")
        manager.post(reverse("portal:vehicle", args=[vehicle.pk]), {"plate": "B-NEW 2", "label": ""})
        manager.post(reverse("portal:vehicle-remove", args=[vehicle.pk]))
        manager.post(reverse("portal:cost-centre-add", args=[customer.pk]), {"code": "4711", "name": ""})
        amounts = {"amount": "100", "thresholds": ["80", "100"], "recipient": ""}
        manager.post(reverse("portal:budget-add", args=[site.contract.pk]), amounts)
        budget = Budget.objects.get()
        manager.post(reverse("portal:budget", args=[budget.pk]), {**amounts, "amount": "150"})
        manager.post(reverse("portal:budget-remove", args=[budget.pk]))
        manager.post(reverse("portal:person-invite"), {"email": "new@example.com", "role": "fleet_user"})
        looks = make_member(organisation=customer.organisation, role=Role.FLEET_USER)
        manager.post(reverse("portal:person-role", args=[looks.pk]), {"role": "fleet_admin"})
        looks.refresh_from_db()
        manager.post(reverse("portal:person-remove", args=[looks.pk]))

        assert told_of(vehicle) == ["Added.", "Changed Plate: B-NEW 1 → B-NEW 2.", "Deleted vehicle “B-NEW 2”."]
        assert told_of(CostCentre.objects.get(code="4711")) == ["Added."]
        added, changed, deleted = told_of(budget)
        assert (added, changed, deleted.split("“")[0]) == (
            "Added.",
            "Changed Amount a month: 100 → 150.",
            "Deleted budget ",
        )
        assert told_of(Invitation.objects.get()) == ["Added."]
        assert told_of(looks) == [f"Role: {Role.FLEET_USER.label} → {Role.FLEET_ADMIN.label}.", deleted_of(looks)]
        assert len(told_of(customer)) == 10

    def test_keeps_nothing_of_what_was_refused(self, site, manager):
        named = reverse("portal:vehicle-remove", args=[site.vehicle.pk])

        manager.post(named)
        manager.post(reverse("portal:vehicle-add", args=[site.customer.pk]), {"plate": site.vehicle.plate, "label": ""})
        manager.post(reverse("portal:card-act", args=[site.token.public_uid, "unblock"]))

        assert Vehicle.objects.filter(pk=site.vehicle.pk).exists()
        assert told_of(site.vehicle) == []
        assert not LogEntry.objects.filter(action_flag__in=(1, 3)).exists()

    def test_of_people_is_read_by_each_seller_they_buy_from_and_of_cards_by_that_cards_alone(self, site, manager):
        elsewhere = make_customer(organisation=site.customer.organisation)
        seller = signed_in(
            make_member(organisation=site.owner, role=Role.READ_ONLY, user=make_user(is_staff=True)).user
        )

        manager.post(reverse("portal:person-invite"), {"email": "new@example.com", "role": "fleet_user"})
        manager.post(reverse("portal:card-act", args=[site.token.public_uid, "block"]))
        shown = seller.get(reverse("admin:contracts_customer_history", args=[site.customer.pk])).content.decode()
        others = seller.get(reverse("admin:contracts_customer_history", args=[elsewhere.pk]))

        assert "mara@fleet.example" in shown
        assert "new@example.com" in shown
        assert "Blocked" in shown
        assert others.status_code == 404
        assert len(told_of(elsewhere)) == 1
