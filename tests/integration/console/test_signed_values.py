"""Signed meter values in the console: their verdict, their originals, and the keys that count."""

from django.test import Client
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.sessions.models import SignedRecord
from apps.stations.models import MeterKey
from apps.stations.services import report_meter_keys
from tests.factories import NOON, make_evse, make_member
from tests.integration.tenants import signed_in
from tests.meters import SigningMeter


class TestTheTrace:
    def test_shows_what_the_meter_signed_and_that_it_is_verified(self, ours, owner):
        text = owner.get(reverse("console:session", args=[ours.session.uid])).content.decode()

        key = MeterKey.objects.get(station=ours.site.station)
        assert f"(key <code>{key.short_fingerprint}</code>)" in text
        assert f"Signed by the meter&#x27;s key {key.short_fingerprint}." in text
        assert "begin: 1,000.000 kWh" in text
        assert reverse("console:signed-values", args=[ours.session.uid]) in text

    def test_says_that_there_are_none(self, ours, owner):
        text = owner.get(reverse("console:session", args=[ours.in_review.uid])).content.decode()

        assert "The station sent no signed meter values." in text
        assert owner.get(reverse("console:signed-values", args=[ours.in_review.uid])).status_code == 404


class TestAnOriginal:
    def test_is_sent_bit_for_bit(self, ours, owner):
        record = SignedRecord.objects.filter(session=ours.session).first()

        response = owner.get(reverse("console:signed-record", args=[record.pk]))

        assert response.content == bytes(record.raw)
        assert response["Content-Disposition"].startswith("attachment; ")


class TestAMeterKey:
    add = "admin:stations_meterkey_add"

    def test_is_added_by_typing_it(self, ours, owner):
        meter = SigningMeter()
        station = ours.site.station

        response = owner.post(reverse(self.add), {"station": station.pk, "evse": "", "public_key": meter.public_key})

        key = MeterKey.objects.get(public_key=meter.public_key)
        assert response.status_code == 302
        assert (key.station, key.source, key.adopted_by) == (station, "owner", ours.operator.user)

    def test_that_is_none_is_refused_in_words(self, ours, owner):
        response = owner.post(reverse(self.add), {"station": ours.site.station.pk, "public_key": "hello"})

        assert "This is no public key in hexadecimal, base64 or PEM." in response.content.decode()
        assert MeterKey.objects.filter(station=ours.site.station).count() == 1

    def test_is_not_added_to_another_tenants_station_nor_another_stations_evse(self, ours, theirs, owner):
        key = SigningMeter().public_key
        stranger = make_evse(number=7)

        for fields in ({"station": theirs.site.station.pk}, {"station": ours.site.station.pk, "evse": stranger.pk}):
            assert owner.post(reverse(self.add), {**fields, "public_key": key}).status_code == 200

        assert not MeterKey.objects.filter(public_key=key).exists()

    def test_that_was_reported_is_adopted_with_a_name(self, ours, owner):
        reported = _report(ours.site.station)
        address = reverse("admin:stations_meterkey_adopt", args=[reported.pk])

        asked, done = owner.get(address), owner.post(address)

        reported.refresh_from_db()
        assert reported.public_key in asked.content.decode()
        assert done.status_code == 302
        assert reported.adopted_by == ours.operator.user

    def test_is_adopted_by_nobody_who_only_looks_or_owns_another_station(self, ours, theirs):
        reported = _report(ours.site.station)
        address = reverse("admin:stations_meterkey_adopt", args=[reported.pk])
        support = make_member(organisation=ours.owner, role=Role.SUPPORT)

        answers = [signed_in(user).post(address).status_code for user in (support.user, theirs.operator.user)]

        reported.refresh_from_db()
        assert answers == [403, 404]
        assert reported.adopted_at is None

    def test_is_ended_once(self, ours, owner):
        key = MeterKey.objects.get(station=ours.site.station)

        owner.post(reverse("admin:stations_meterkey_end", args=[key.pk]))

        key.refresh_from_db()
        assert key.valid_to is not None

    def test_is_shown_to_no_stranger(self, ours):
        assert Client().get(reverse("admin:stations_meterkey_changelist")).status_code == 302


def _report(station) -> MeterKey:

    report_meter_keys([(station.pk, None, SigningMeter().public_key)], at=NOON)
    return MeterKey.objects.get(station=station, source="station")
