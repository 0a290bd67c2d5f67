"""The large owner that is written by SQL is what services would have written."""

from datetime import UTC, datetime
from hashlib import sha256

import pytest
from django.core.management import CommandError, call_command

from apps.analytics.models import CountedSession, DayFigure, SessionHour, StationDay
from apps.analytics.services import figures
from apps.core import audit
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.services.rating import price, settled_facts
from apps.tariffs.domain.facts import GrantTerms
from apps.tariffs.domain.rating import as_document, canonical_bytes
from config.demo.volume import seed_volume
from tests.integration.analytics.test_figures import everything

AT = datetime(2026, 11, 30, 12, 20, tzinfo=UTC)


@pytest.mark.django_db
def test_a_large_past_is_priced_counted_and_valid():
    count = seed_volume(sessions=300, stations=30, days=40, at=AT)

    assert 250 < count == ChargingSession.objects.count() == Cdr.objects.count() == SessionHour.objects.count()
    assert StationDay.objects.count() == 30 * 35
    for cdr in Cdr.objects.order_by("pk")[:40]:
        priced = price(cdr.session, facts=settled_facts(cdr.session), grant=GrantTerms())
        document = as_document(priced.rated)
        assert (cdr.document, cdr.content_hash) == (document, sha256(canonical_bytes(document)).hexdigest())
        assert (cdr.gross.amount, cdr.tax_date) == (priced.rated.gross, priced.tax_date)
    kept = [everything(model) for model in (SessionHour, CountedSession, DayFigure)]
    assert figures.count_all() == 0
    figures.recount_all()
    assert [everything(model) for model in (SessionHour, CountedSession, DayFigure)] == kept
    assert list(audit.find_violations()) == []


@pytest.mark.django_db
def test_is_refused_where_it_would_be_a_door_or_cannot_be(settings):
    settings.SETTINGS_MODULE = "config.settings.production"
    with pytest.raises(CommandError, match="never runs with production settings"):
        call_command("seed_volume")
    settings.SETTINGS_MODULE = "config.settings.test"
    with pytest.raises(CommandError, match="one session in two hours"):
        call_command("seed_volume", "--sessions=1000", "--stations=1", "--days=1")
