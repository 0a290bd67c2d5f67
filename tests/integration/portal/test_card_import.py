"""Customers bring many cards at once: each line's outcome first, then what is new; their own contracts only."""

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.contracts.models import IdToken, Vehicle
from tests.factories import Site, make_contract, make_customer, make_member, make_site, make_token
from tests.integration.tenants import signed_in

HEADER = "card,driver,vehicle,cost_centre,until\n"


@pytest.fixture
def site(db) -> Site:
    return make_site()


@pytest.fixture
def manager(site):
    return signed_in(make_member(organisation=site.customer.organisation, role=Role.FLEET_ADMIN).user)


def page_of(contract) -> str:
    return reverse("portal:card-import", args=[contract.pk])


def look_at(browser, contract, lines: str, **headers):
    file = SimpleUploadedFile("cards.csv", (HEADER + lines).encode(), content_type="text/csv")
    return browser.post(page_of(contract), {"file": file}, **headers)


def outcomes(response) -> list[str]:
    return [str(one.outcome) for one in response.context["outcomes"]]


class TestImportingCards:
    def test_shows_what_comes_of_each_line_then_adds_what_is_new_once(self, site, manager):
        elsewhere = make_contract(customer=make_customer(seller=site.owner))
        taken = make_token(contract=elsewhere, uid="0BADCAFE")
        lines = f"{site.token.uid},,,,\n0A11CE01,Alice,B-WL 7,4711 Sales,2099-12-31\n{taken.uid},,,,\n0A11CE02,Bob,,,\n"

        seen = look_at(manager, site.contract, lines)
        before = IdToken.objects.count()
        confirm = {"content": seen.context["content"], "confirm": "1"}
        added = manager.post(page_of(site.contract), confirm, follow=True)
        again = manager.post(page_of(site.contract), confirm, follow=True)

        alice, bob = IdToken.objects.filter(uid__startswith="0A11CE").order_by("uid")
        assert (before, outcomes(seen)) == (2, ["there", "new", "refused", "new"])
        assert elsewhere.number not in seen.content.decode()
        assert "Add 2 cards" in seen.content.decode()
        assert "2 cards are added." in added.content.decode()
        assert "0 cards are added." in again.content.decode()
        assert (alice.driver, alice.vehicle.plate, str(alice.cost_centre)) == ("Alice", "B-WL 7", "4711 Sales")
        assert alice.valid_to.isoformat() == "2099-12-31T23:00:00+00:00"
        assert (bob.contract, bob.free_reason) == (site.contract, "")
        assert Vehicle.objects.filter(customer=site.customer, plate="B-WL 7").count() == 1
        entries = LogEntry.objects.filter(content_type__model="contract", object_id=str(site.contract.pk))
        assert [entry.change_message for entry in entries] == ["2 cards imported."]

    def test_names_each_line_that_cannot_be_read_in_the_pages_language_and_adds_the_rest(self, site, manager):
        lines = "0A11CE01,,,\nbad card,,,,\n0A11CE02,,,,tomorrow\n0A11CE03,,,,\n0A11CE03,,,,\n"

        seen = look_at(manager, site.contract, lines, headers={"accept-language": "de"})
        unreadable = manager.post(
            page_of(site.contract),
            {"file": SimpleUploadedFile("x.csv", b"a,b\n1,2\n")},
            headers={"accept-language": "fr"},
        )
        nothing = manager.post(page_of(site.contract))

        assert [(odd.line, odd.words.split(":")[0]) for odd in seen.context["problems"]] == [
            (2, "4 Spalten statt 5."),
            (3, "card"),
            (4, "until"),
            (6, "Zeile 5 hat diese Karte schon."),
        ]
        assert "ein Tag wie 2026-12-31" in seen.content.decode()
        assert outcomes(seen) == ["new"]
        assert "La première ligne doit nommer les colonnes" in unreadable.content.decode()
        assert "The first line must name the columns" in nothing.content.decode()
        assert IdToken.objects.count() == 1

    def test_is_an_administrators_for_their_own_contracts_that_have_not_ended(self, site, manager):
        looks = signed_in(make_member(organisation=site.customer.organisation, role=Role.FLEET_USER).user)
        theirs, ended = make_contract(), make_contract(customer=site.customer, status="ended")
        line = {"content": HEADER + "0A11CE01,,,,\n", "confirm": "1"}

        told = [
            looks.post(page_of(site.contract), line).status_code,
            looks.get(reverse("portal:card-file")).status_code,
            manager.post(page_of(theirs), line).status_code,
            manager.post(page_of(ended), line).status_code,
        ]
        filled_in = manager.get(reverse("portal:card-file")).content
        example = manager.post(page_of(site.contract), {"file": SimpleUploadedFile("cards.csv", filled_in)})

        assert told == [403, 403, 404, 404]
        assert page_of(site.contract) in manager.get(reverse("portal:cards")).content.decode()
        assert outcomes(example) == ["new", "new"]
        assert IdToken.objects.count() == 1
