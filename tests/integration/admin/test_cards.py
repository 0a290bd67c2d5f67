"""Cards in the console: blocked, replaced and imported by people who may, each on their own organisation's."""

import json

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.contracts.domain.card_files import COLUMNS
from apps.contracts.models import IdToken
from apps.core import clock
from apps.ocpp.models import Frame
from tests.factories import make_member, make_user
from tests.integration.tenants import CANARY, signed_in

IMPORT = "admin:contracts_idtoken_import_file"


def content(*lines: str) -> str:
    return "\n".join([",".join(COLUMNS), *lines])


def heard(site, uid: str) -> None:
    """Let the owner's station have asked about a card."""
    call = [2, "m-1", "Authorize", {"idTag": uid}]
    Frame.objects.create(
        station=site.station,
        connection_no=1,
        direction="in",
        received_at=clock.now(),
        message_id="m-1",
        action="Authorize",
        payload=json.dumps(call),
    )


class TestACard:
    def test_is_blocked_and_unblocked_by_a_button(self, ours, owner):
        card = ours.site.token
        for act, status in (("block", "blocked"), ("unblock", "active")):
            response = owner.post(reverse(f"admin:contracts_idtoken_{act}", args=[card.pk]), follow=True)

            assert response.status_code == 200
            assert IdToken.objects.get(pk=card.pk).status == status

    def test_is_replaced_and_leads_to_its_successor(self, ours, owner):
        page = reverse("admin:contracts_idtoken_replace", args=[ours.site.token.pk])

        response = owner.post(page, {"uid": "04aa bb"})
        assert "without spaces" in response.content.decode()
        response = owner.post(page, {"uid": "04aabb"}, follow=True)

        successor = IdToken.objects.get(uid="04AABB")
        assert successor.replaces == ours.site.token
        assert "goes on in its stead" in response.content.decode()
        assert ours.site.token.uid in response.content.decode()

    def test_retired_is_history_and_not_changed(self, ours, owner):
        IdToken.objects.filter(pk=ours.site.token.pk).update(status="retired")

        response = owner.post(
            reverse("admin:contracts_idtoken_change", args=[ours.site.token.pk]), {"driver": "Somebody"}
        )

        assert response.status_code == 403

    def test_keeps_its_number_and_contract_when_it_is_changed(self, ours, owner):
        card = ours.site.token

        owner.post(
            reverse("admin:contracts_idtoken_change", args=[card.pk]),
            {"driver": "Ada", "uid": "OTHER", "free_reason": ""},
        )

        stored = IdToken.objects.get(pk=card.pk)
        assert (stored.driver, stored.uid) == ("Ada", card.uid)


class TestImportingCards:
    def test_shows_each_lines_outcome_first_and_then_adds(self, ours, owner):
        text = content(f"04A1B2C3,{ours.site.contract.number},Ada,B-N 1,4711 Sales,,,", "BB,V-NONE,,,,,,", "bad")
        heard(ours.site, "c3b2a104")

        shown = owner.post(reverse(IMPORT), {"content": text})
        page = shown.content.decode()
        assert "You have no contract V-NONE." in page
        assert "1 columns instead of 8." in page
        assert "as a station sent it: C3B2A104" in page
        assert not IdToken.objects.filter(uid__in=["04A1B2C3", "C3B2A104"]).exists()

        done = owner.post(reverse(IMPORT), {"content": text, "confirm": "1", "turned": "2"}, follow=True)
        assert "1 cards added, 0 were there, 1 left out." in done.content.decode()
        assert IdToken.objects.get(uid="C3B2A104").driver == "Ada"

    def test_hears_only_ones_own_stations(self, ours, theirs, owner):
        heard(theirs.site, "C3B2A104")

        page = owner.post(reverse(IMPORT), {"content": content(f"04A1B2C3,{ours.site.contract.number},,,,,,")})

        assert "as a station sent it" not in page.content.decode()

    def test_says_nothing_of_another_tenants_contracts(self, ours, theirs, owner):
        text = content(
            f"AA,{theirs.site.contract.number},,,,,,", f"{theirs.site.token.uid},{ours.site.contract.number},,,,,,"
        )

        response = owner.post(reverse(IMPORT), {"content": text, "confirm": "1"}, follow=True)

        assert "1 cards added" in response.content.decode()
        assert CANARY not in owner.get(reverse("admin:contracts_idtoken_changelist")).content.decode().replace(
            theirs.site.token.uid, ""
        )
        assert not IdToken.objects.filter(uid="AA").exists()

    def test_hands_out_a_file_to_fill_in(self, ours, owner):
        response = owner.get(reverse("admin:contracts_idtoken_import_template"))

        assert response.content.decode().startswith(",".join(COLUMNS))

    @pytest.mark.parametrize("role", [Role.READ_ONLY, Role.TECHNICIAN])
    def test_is_for_those_who_may_add_cards(self, ours, role):
        client = signed_in(make_member(organisation=ours.owner, role=role, user=make_user(is_staff=True)).user)

        assert client.get(reverse(IMPORT)).status_code == 403
