"""The console's own pages: the trace, the station at work, what is unpaid, home."""

from django.test import Client
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.stations.models import PayCode, StationCommand
from tests.factories import make_evse, make_location, make_member, make_session, make_user
from tests.integration.tenants import CANARY, answer, signed_in


def pages_of(tenant) -> list[str]:
    return [
        reverse("console:session", args=[tenant.session.uid]),
        reverse("console:invoice", args=[tenant.invoice.uid]),
        reverse("console:station", args=[tenant.site.station.pk]),
    ]


class TestTheConsole:
    def test_opens_our_rows_and_knows_no_others(self, ours, theirs, owner):
        own = [owner.get(page).status_code for page in pages_of(ours)]
        foreign = [owner.get(page).status_code for page in pages_of(theirs)]

        assert own == [200, 200, 200]
        assert foreign == [404, 404, 404]

    def test_holds_no_word_of_another_tenant(self, ours, theirs, owner):
        pages = [*pages_of(ours), reverse("console:unpaid"), reverse("admin:index")]

        leaks = [page for page in pages if CANARY.encode() in answer(owner.get(page))]

        assert leaks == []

    def test_opens_every_tenants_rows_to_the_platform(self, ours, theirs, platform):
        answers = [platform.get(page).status_code for tenant in (ours, theirs) for page in pages_of(tenant)]

        assert answers == [200] * 6

    def test_is_closed_to_the_signed_out_and_to_customers(self, ours):
        pages = [*pages_of(ours), reverse("console:unpaid")]

        for client in (Client(), signed_in(ours.fleet.user)):
            assert [client.get(page).status_code for page in pages] == [302] * 4


class TestTheTraceOfASession:
    def test_goes_from_price_over_readings_to_raw_frames(self, ours, owner):
        text = owner.get(reverse("console:session", args=[ours.session.uid])).content.decode()

        begin, end = ours.session.readings.order_by("at")
        assert "€0.50 / kWh" in text
        assert "10.000 kWh" in text
        assert f'href="#reading-{begin.pk}"' in text
        assert f'id="frame-{end.frame_id}"' in text
        assert "StopTransaction" in text
        assert reverse("console:invoice", args=[ours.invoice.uid]) in text
        assert "pi_OURS" in text

    def test_asks_the_database_a_bounded_number_of_times(self, ours, owner, django_assert_max_num_queries):
        with django_assert_max_num_queries(16):
            owner.get(reverse("console:session", args=[ours.session.uid]))


class TestTheTraceOfAnInvoice:
    def test_goes_from_lines_to_journals_and_payments(self, ours, owner):
        text = owner.get(reverse("console:invoice", args=[ours.invoice.uid])).content.decode()

        assert f"invoice:{ours.invoice.pk}:" in text
        assert "1200 Trade receivables" in text
        assert reverse("console:session", args=[ours.session.uid]) in text
        assert "OURS: card declined." in text

    def test_asks_the_database_a_bounded_number_of_times(self, ours, owner, django_assert_max_num_queries):
        with django_assert_max_num_queries(18):
            owner.get(reverse("console:invoice", args=[ours.invoice.uid]))


class TestOperatingAStation:
    def test_starts_on_a_card_of_ones_own(self, ours, owner):
        page = reverse("console:station-start", args=[ours.site.station.pk])

        owner.post(page, {"evse": ours.site.evse.pk, "token": ours.site.token.pk})

        command = StationCommand.objects.get(action="RemoteStartTransaction")
        assert command.payload == {"connectorId": 1, "idTag": "OURSCARD"}
        assert (command.station, command.requested_by) == (ours.site.station, ours.operator.user)

    def test_never_starts_on_another_tenants_card_or_evse(self, ours, theirs, owner):
        page = reverse("console:station-start", args=[ours.site.station.pk])

        owner.post(page, {"evse": ours.site.evse.pk, "token": theirs.site.token.pk})
        owner.post(page, {"evse": theirs.site.evse.pk, "token": ours.site.token.pk})

        assert not StationCommand.objects.filter(action="RemoteStartTransaction").exists()

    def test_stops_a_live_session(self, ours, owner):
        live = make_session(site=ours.site)

        owner.post(reverse("console:station-stop", args=[ours.site.station.pk]), {"session": live.uid})

        command = StationCommand.objects.get(action="RemoteStopTransaction")
        assert command.payload == {"transactionId": live.transaction_id}

    def test_stops_no_session_that_is_over_or_anothers(self, ours, theirs, owner):
        live = make_session(site=theirs.site)
        page = reverse("console:station-stop", args=[ours.site.station.pk])

        answers = [owner.post(page, {"session": uid}).status_code for uid in (live.uid, ours.session.uid, "x")]

        assert answers == [404, 404, 404]
        assert not StationCommand.objects.filter(action="RemoteStopTransaction").exists()

    def test_unlocks_ones_own_evse_and_no_stranger(self, ours, theirs, owner):
        stranger = owner.post(reverse("console:station-unlock", args=[theirs.site.station.pk]), {"evse": "1"})
        owner.post(reverse("console:station-unlock", args=[ours.site.station.pk]), {"evse": "1"})

        assert stranger.status_code == 404
        assert StationCommand.objects.get(action="UnlockConnector").station == ours.site.station

    def test_is_not_done_by_looking_or_by_who_may_only_look(self, ours, owner):
        page = reverse("console:station-unlock", args=[ours.site.station.pk])
        reader = make_member(organisation=ours.owner, role=Role.READ_ONLY, user=make_user(is_staff=True)).user

        assert owner.get(page).status_code == 405
        assert signed_in(reader).post(page, {"evse": "1"}).status_code == 403
        assert not StationCommand.objects.filter(action="UnlockConnector").exists()


class TestHome:
    def test_says_what_needs_a_person_with_a_link_to_the_rows(self, ours, theirs, owner):
        response = owner.get(reverse("admin:index"))

        tiles = {tile.label: tile for tile in response.context["attention"]}
        assert {label: tile.figure for label, tile in tiles.items()} == {
            "session in review": "1",
            "failed payment": "1",
            "overdue invoice": "1",
            "offline station": "1",
        }
        for tile in tiles.values():
            assert owner.get(tile.url).status_code == 200

    def test_leads_to_the_review_queue_of_ones_own(self, ours, theirs, owner):
        (tile,) = [tile for tile in owner.get(reverse("admin:index")).context["attention"] if "review" in tile.label]

        assert list(owner.get(tile.url).context["cl"].result_list) == [ours.in_review]

    def test_takes_an_operator_there_from_the_bare_address(self, ours, owner):
        assert owner.get("/").url == reverse("admin:index")
        assert signed_in(ours.fleet.user).get("/").url == reverse("portal:home")
        assert Client().get("/").url == reverse("portal:home")


class TestUnpaid:
    def test_lists_what_is_open(self, ours, theirs, owner):
        page = owner.get(reverse("console:unpaid")).context["page"]

        assert [(invoice, invoice.open_amount) for invoice in page] == [(ours.invoice, ours.invoice.gross.amount)]


class TestStickers:
    def test_are_a_pdf_of_ones_own_site(self, ours, theirs, owner):
        response = owner.get(reverse("console:stickers", args=[ours.site.location.pk]))
        stranger = owner.get(reverse("console:stickers", args=[theirs.site.location.pk]))

        assert response.headers["Content-Type"] == "application/pdf"
        assert response.content[:5] == b"%PDF-"
        assert stranger.status_code == 404

    def test_are_made_for_connectors_without_a_code_by_asking_first(self, ours, owner):
        bare = make_evse(station=ours.site.station, number=2).connectors.get()
        page = reverse("admin:stations_location_stickers", args=[ours.site.location.pk])

        asked = owner.get(page)
        before = PayCode.objects.filter(connector=bare).count()
        made = owner.post(page)

        assert (asked.status_code, before) == (200, 0)
        assert made.url == reverse("console:stickers", args=[ours.site.location.pk])
        assert PayCode.objects.filter(connector=bare).count() == 1

    def test_say_what_to_do_where_no_connector_has_a_code(self, ours, owner):
        location = make_location(owner=ours.owner)

        response = owner.get(reverse("console:stickers", args=[location.pk]))

        assert response.url == reverse("admin:stations_location_change", args=[location.pk])

    def test_of_a_revoked_code_are_not_printed_again(self, ours, owner):
        code = PayCode.objects.get(connector__evse__station__location=ours.site.location)

        owner.post(reverse("admin:stations_paycode_revoke", args=[code.pk]))

        code.refresh_from_db()
        assert code.revoked_at is not None
