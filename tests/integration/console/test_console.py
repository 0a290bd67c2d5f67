"""The console's own pages: the trace, the station at work, what is unpaid, home."""

from django.test import Client
from django.urls import reverse

from apps.contracts.models import Unit
from apps.documents.models import Document
from apps.stations.models import PayCode
from tests.factories import make_evse, make_location
from tests.integration.tenants import CANARY, answer, dispute_of, make_later_session, signed_in


def pages_of(tenant) -> list[str]:
    return [
        reverse("console:session", args=[tenant.session.uid]),
        reverse("console:signed-values", args=[tenant.session.uid]),
        reverse("console:signed-record", args=[tenant.session.signed_records.first().pk]),
        reverse("console:invoice", args=[tenant.invoice.uid]),
        reverse("console:station", args=[tenant.site.station.pk]),
        reverse("console:preview", args=[tenant.site.contract.pk]),
        reverse("console:community", args=[Unit.objects.get(customer__seller=tenant.owner).customer_id]),
        reverse("console:disputed-line", args=[dispute_of(tenant).uid]),
    ]


class TestTheConsole:
    def test_opens_our_rows_and_knows_no_others(self, ours, theirs, owner):
        own = [owner.get(page).status_code for page in pages_of(ours)]
        foreign = [owner.get(page).status_code for page in pages_of(theirs)]

        assert own == [200] * 8
        assert foreign == [404] * 8

    def test_holds_no_word_of_another_tenant(self, ours, theirs, owner):
        queue = reverse("console:disputed-lines")
        pages = [*pages_of(ours), reverse("console:unpaid"), queue, f"{queue}?all=1", reverse("admin:index")]

        leaks = [page for page in pages if CANARY.encode() in answer(owner.get(page))]

        assert leaks == []

    def test_opens_every_tenants_rows_to_the_platform(self, ours, theirs, platform):
        answers = [platform.get(page).status_code for tenant in (ours, theirs) for page in pages_of(tenant)]

        assert answers == [200] * 16

    def test_is_closed_to_the_signed_out_and_to_customers(self, ours):
        pages = [*pages_of(ours), reverse("console:unpaid"), reverse("console:disputed-lines")]

        for client in (Client(), signed_in(ours.fleet.user)):
            assert [client.get(page).status_code for page in pages] == [302] * 10


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


class TestHome:
    def test_says_what_needs_a_person_with_a_link_to_the_rows(self, ours, theirs, owner):
        response = owner.get(reverse("admin:index"))

        tiles = {tile.label: tile for tile in response.context["attention"]}
        assert {label: tile.figure for label, tile in tiles.items()} == {
            "session in review": "1",
            "dispute to answer": "1",
            "discrepancy with Stripe": "1",
            "failed payment": "1",
            "overdue invoice": "1",
            "offline station": "1",
        }
        for tile in tiles.values():
            assert owner.get(tile.url).status_code == 200

    def test_leads_to_the_review_queue_of_ones_own(self, ours, theirs, owner):
        (tile,) = [tile for tile in owner.get(reverse("admin:index")).context["attention"] if "review" in tile.label]

        assert [row[0] for row in owner.get(tile.url).context["rows"]] == [ours.in_review]

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


class TestThePreviewOfAnInvoice:
    def test_asks_until_which_day_and_shows_a_pdf_that_is_kept_nowhere(self, ours, owner):
        address = reverse("console:preview", args=[ours.site.contract.pk])
        make_later_session(ours)
        kept = Document.objects.count()

        asked = owner.get(address).content.decode()
        shown = owner.post(address, {"until_date": "2026-12-31"})

        assert "no number is drawn" in asked
        assert shown["Content-Type"] == "application/pdf"
        assert shown["Content-Disposition"].startswith("inline; filename=")
        assert Document.objects.count() == kept

    def test_says_in_words_why_there_is_none(self, ours, owner):
        shown = owner.post(reverse("console:preview", args=[ours.site.contract.pk]), {"until_date": "2026-06-30"})

        assert "There is no preview: nothing is due until 30 June 2026." in shown.content.decode()

    def test_is_reached_from_the_contract(self, ours, owner):
        response = owner.get(reverse("admin:contracts_contract_preview", args=[ours.site.contract.pk]))

        assert response.url == reverse("console:preview", args=[ours.site.contract.pk])
