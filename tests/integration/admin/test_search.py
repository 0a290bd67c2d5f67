"""A list's search: each word somewhere, whatever it leads to, and nobody else's rows."""

from uuid import uuid4

import pytest
from django.contrib import admin
from django.urls import reverse

from apps.accounts import admin_search, tenant_admin
from apps.contracts.models import Unit
from apps.ocpp import admin as ocpp_admin
from apps.ocpp.models import Frame
from apps.payments.models import Payment
from apps.sessions.models import ChargingSession


def found(browser, model, words: str, **filters: object) -> list[int]:
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    answer = browser.get(address, {"q": words, **filters})
    return [row.pk for row in answer.context["cl"].result_list]


@pytest.fixture(params=[admin_search.MOST_KEYS, 0], ids=["told by keys", "too common to tell"])
def _keys(request, monkeypatch):
    monkeypatch.setattr(admin_search, "MOST_KEYS", request.param)


@pytest.mark.usefixtures("_keys")
class TestASearch:
    def test_finds_rows_by_each_word_of_what_they_lead_to(self, ours, theirs, owner):
        session = ours.session
        words = (session.station.identity, session.station.location.name, session.contract.customer.name)

        for word in words:
            assert session.pk in found(owner, ChargingSession, f'"{word.upper()}"')
            assert theirs.session.pk not in found(owner, ChargingSession, f'"{word}"')
        assert session.pk in found(owner, ChargingSession, f'{words[0]} "{words[2]}"')
        assert found(owner, ChargingSession, f"{words[0]} nowhere") == []

    def test_finds_nothing_of_anothers(self, ours, theirs, owner):
        of_them = theirs.session

        for word in (of_them.station.identity, of_them.id_token, of_them.contract.number, of_them.transaction_id):
            assert of_them.pk not in found(owner, ChargingSession, str(word))

    def test_takes_a_number_or_an_identifier_whole_and_a_word_that_is_none_for_nothing(self, ours, owner):
        payment = Payment.objects.filter(seller=ours.owner, stripe_id__isnull=False).latest("pk")

        assert ours.session.pk in found(owner, ChargingSession, str(ours.session.transaction_id))
        assert payment.pk in found(owner, Payment, str(payment.uid))
        assert payment.pk in found(owner, Payment, payment.stripe_id)
        assert found(owner, Payment, str(uuid4())) == []
        assert found(owner, ChargingSession, "no-such-thing") == found(owner, ChargingSession, "9" * 30) == []

    def test_finds_a_row_once_by_one_of_many_that_name_it(self, ours, owner):
        unit = Unit.objects.filter(customer__seller=ours.owner).latest("pk")
        tenant = unit.occupancies.filter(contract__isnull=False).first()

        assert tenant is not None
        assert found(owner, Unit, f'"{tenant.contract.customer.name}"').count(unit.pk) == 1


class TestFrames:
    def test_are_found_by_their_station_and_what_they_say_of_it_or_lately(self, ours, owner, monkeypatch):
        mine = Frame.objects.filter(station__location__owner=ours.owner)
        old, newest = mine.earliest("pk"), Frame.objects.latest("pk")
        monkeypatch.setattr(ocpp_admin, "RECENT", newest.pk - old.pk)
        station = old.station

        assert old.pk not in found(owner, Frame, old.action)
        assert old.pk in found(owner, Frame, station.identity)
        assert old.pk in found(owner, Frame, f"{station.identity} {old.action}")
        assert old.pk in found(owner, Frame, old.action, station__id__exact=station.pk)
        assert found(owner, Frame, f"{station.identity} nowhere") == []


def test_a_filter_offers_what_the_newest_rows_say_and_what_was_chosen(ours, owner, monkeypatch):
    monkeypatch.setattr(tenant_admin, "MOST_LOOKED_AT", 1)
    page = reverse("admin:stations_stationcommand_changelist")

    shown = owner.get(page, {"action": "Chosen"}).context["cl"].filter_specs
    (actions,) = [spec for spec in shown if getattr(spec, "field_path", "") == "action"]

    assert "Chosen" in actions.lookup_choices
    assert len(actions.lookup_choices) == 2


@pytest.mark.django_db
def test_every_field_of_a_search_leads_to_a_column():
    for model, page in admin.site._registry.items():
        for field in page.search_fields:
            assert not admin_search.searched(model._base_manager.none(), fields=(field,), text="1").exists()
