"""The search on every page finds the organisation's own rows by what people have at hand, and nobody else's."""

import re

from django.urls import reverse

from apps.console.searching import FEW
from apps.invoices.models import Invoice
from apps.stations.models import PayCode
from tests.integration.tenants import Tenant

PAGE = reverse("console:search")


def links(client, text: str) -> list[str]:
    return [found.url for found in client.get(PAGE, {"s": text}).context["found"]]


def known(tenant: Tenant) -> dict[str, str]:
    """What somebody may have at hand of a tenant, and the page that it leads to."""
    site, session = tenant.site, tenant.session
    customer = reverse("console:customer", args=[site.customer.pk])
    document = reverse("console:invoice", args=[tenant.invoice.uid])
    contract = reverse("admin:contracts_contract_change", args=[site.contract.pk])
    station = reverse("console:station", args=[site.station.pk])
    place = reverse("admin:stations_location_change", args=[site.station.location_id])
    code = PayCode.objects.filter(connector__evse__station=site.station).first()
    assert code is not None
    return {
        site.customer.name: customer,
        site.customer.number: customer,
        site.contract.number: contract,
        tenant.invoice.number: document,
        tenant.invoice.number.lower(): document,
        tenant.invoice.number[:-2]: document,
        site.token.uid.lower(): reverse("console:card", args=[site.token.pk]),
        site.station.identity: station,
        site.station.location.name[1:]: place,
        code.code: station,
        str(session.uid): reverse("console:session", args=[session.uid]),
    }


class TestTheSearch:
    def test_leads_from_what_is_at_hand_to_its_page_in_few_queries(
        self, ours, theirs, owner, django_assert_max_num_queries
    ):
        owner.get(PAGE)

        for text, url in known(ours).items():
            with django_assert_max_num_queries(30):
                assert url in links(owner, text), text

    def test_finds_nothing_of_another_tenant_and_says_so(self, ours, theirs, owner):
        for text, url in known(theirs).items():
            # Numbers of documents are those of our own series too.
            assert url not in links(owner, text), text
        page = owner.get(PAGE, {"s": theirs.site.customer.name}, headers={"HX-Request": "true"})

        assert f"Nothing of yours is called “{theirs.site.customer.name}”." in page.content.decode()

    def test_tells_the_newest_of_a_series_and_the_pages_of_the_menu(self, ours, owner):
        numbered = Invoice.objects.filter(seller=ours.owner, kind="invoice").exclude(number="")
        newest = [reverse("console:invoice", args=[one.uid]) for one in numbered.order_by("-number")[:FEW]]

        assert links(owner, "INV-") == newest != []
        assert links(owner, "laborat") == [reverse("admin:analytics_tarifftrial_changelist")]

    def test_stands_on_every_page_as_a_form_and_answers_with_the_list_as_one_types(self, ours, owner):
        page = owner.get(reverse("console:live")).content.decode()
        typed = owner.get(PAGE, {"s": ours.site.customer.name}, headers={"HX-Request": "true"})
        short = owner.get(PAGE, {"s": "x"})

        assert f'<form class="wl-search" role="search" aria-label="Everything" action="{PAGE}">' in page
        assert typed.content.decode().strip().startswith('<ul class="wl-found"')
        assert "Type at least two characters." in short.content.decode()


class TestASkipLink:
    def test_is_what_the_keyboard_meets_first_and_leads_past_the_menu(self, ours, owner):
        page = owner.get(reverse("admin:contracts_customer_changelist")).content.decode()

        first = re.search(r"<a [^>]*>", page[page.index("<body") :])
        assert first is not None
        assert first[0] == '<a class="wl-skip" href="#content">'
        assert page.index('id="nav-sidebar') < page.index('id="content"')
