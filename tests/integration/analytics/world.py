"""An owner's autumn: sessions of known price, and drafts to try on them."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from apps.analytics.domain.tally import Tally
from apps.analytics.models import TariffTrial
from apps.analytics.services import trials as services
from apps.core.clock import to_epoch_ms
from apps.sessions.models import Cdr
from apps.sessions.services.rating import price, write_cdr
from apps.tariffs.domain.facts import GrantTerms, Reading, SessionFacts
from apps.tariffs.models import TariffVersion
from tests.factories import Site, make_evse, make_location, make_session, make_station, make_tariff, make_tariff_version

OCTOBER_MORNING = datetime(2026, 10, 5, 7, 0, tzinfo=UTC)  # 09:00 in Berlin
OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))
ASKED_AT = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
KWH = 1_000_000


def energy_price(price: str, **component: Any) -> list[dict[str, Any]]:
    return [{"price_components": [{"type": "ENERGY", "price": price, **component}]}]


def beside(site: Site, **version_fields: Any) -> Site:
    """Return another place of the site's owner, with a tariff of its own."""
    location = make_location(owner=site.owner)
    station = make_station(location=location)
    tariff = make_tariff(owner=site.owner)
    version = make_tariff_version(tariff=tariff, **version_fields)
    evse = make_evse(station=station)
    return replace(site, location=location, station=station, evse=evse, tariff=tariff, version=version)


def make_record(
    site: Site, *, started_at: datetime = OCTOBER_MORNING, kwh: int = 10, grant: GrantTerms | None = None, **fields: Any
) -> Cdr:
    """Make a settled session of an hour and its charge record: 0.50 net per kWh, where the site says nothing else."""
    ended_at = started_at + timedelta(hours=1)
    times = {"started_at": started_at, "start_received_at": started_at, "ended_at": ended_at}
    ends = {"end_received_at": ended_at, "settled_at": ended_at, "status": "settled"}
    session = make_session(site=site, **{**times, **ends, **fields})
    return write_cdr(
        session, price(session, facts=facts_of(session, kwh=kwh), grant=grant or GrantTerms()), at=ended_at
    )


def facts_of(session: Any, *, kwh: int) -> SessionFacts:
    begin = Reading(at_ms=to_epoch_ms(session.started_at), energy_milliwh=0)
    end = Reading(at_ms=to_epoch_ms(session.ended_at), energy_milliwh=kwh * KWH)
    return SessionFacts(
        started_at_ms=begin.at_ms, ended_at_ms=end.at_ms, time_zone=session.time_zone, register=(begin, end)
    )


def make_draft(site: Site, *, elements: list[dict[str, Any]] | None = None, **fields: Any) -> TariffVersion:
    """Make a draft of the site's tariff: 0.60 net per kWh unless told otherwise."""
    values = {
        "tariff": fields.pop("tariff", None) or make_tariff(owner=site.owner),
        "currency": "EUR",
        "tax_included": False,
        "elements": elements or energy_price("0.60"),
    }
    return TariffVersion.objects.create(**{**values, **fields})


def ask(version: TariffVersion, **fields: Any) -> TariffTrial:
    first_date, last_date = OCTOBER
    values = {"first_date": first_date, "last_date": last_date, "at": ASKED_AT}
    return services.start_trial(tariff_version_id=version.pk, **{**values, **fields})


def finish(trial: TariffTrial) -> Tally:
    """Price page after page until there is none, and return what was added up."""
    while services.price_page(trial_id=trial.pk, at=ASKED_AT):
        pass
    trial.refresh_from_db()
    return trial.tally()


def before_and_after(tally: Tally) -> tuple[int, Decimal, Decimal]:
    """Return sessions, gross before and gross after."""
    return tally.total.sessions, tally.total.gross_before, tally.total.gross_after


def fingerprint() -> str:
    """Return a hash over every column of every charge record."""
    rows = list(Cdr.objects.order_by("pk").values())
    return sha256(json.dumps(rows, cls=DjangoJSONEncoder, sort_keys=True).encode()).hexdigest()
