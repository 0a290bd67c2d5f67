"""What a driver would pay at a station, read from the same grants and contracts that let them charge."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from apps.contracts.domain.tokens import TokenVerdict
from apps.contracts.models import IdToken
from apps.contracts.selectors import TokenQuery, find_tokens
from apps.contracts.services import TariffQuery, find_tariffs
from apps.sessions.domain.status import SessionStatus
from apps.sessions.domain.tokens import hash_token
from apps.sessions.models import StartGrant
from apps.stations.models import ChargingStation, Evse
from apps.tariffs.models import TariffVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class EvsePrice:
    """Which tariff version prices a charge at an EVSE, and what is off it for this driver; None: nothing."""

    evse: Evse
    version: TariffVersion
    discount_percent: Decimal | None = None


def driver_prices(*, token: str, station: ChargingStation, at: datetime) -> list[EvsePrice]:
    """Return the price of each EVSE where the token may charge, by EVSE number; empty: nobody can tell.

    token  as the station sent it
    """
    evses = list(station.evses.select_related("station__location").prefetch_related("connectors").order_by("number"))
    grant = _grant(token, station, at)
    if grant is not None:
        return [
            EvsePrice(evse=evse, version=grant.tariff_version, discount_percent=grant.discount_percent)
            for evse in evses
            if grant.evse_id in (None, evse.pk)
        ]
    (finding,) = find_tokens([TokenQuery(station.location.owner_id, token, at)])
    return prices_for(finding.token, evses, at=at) if finding.verdict is TokenVerdict.VALID else []


def prices_for(token: IdToken | None, evses: list[Evse], *, at: datetime) -> list[EvsePrice]:
    """Return the price of each EVSE that has one, in order.

    token  None: for a driver without a contract · evses: with station and location loaded
    """
    choices = find_tariffs(TariffQuery(token, evse, at) for evse in evses)
    return [
        EvsePrice(evse=evse, version=choice.version, discount_percent=choice.discount_percent)
        for evse, choice in zip(evses, choices, strict=True)
        if choice.version is not None
    ]


def _grant(token: str, station: ChargingStation, at: datetime) -> StartGrant | None:
    is_open = Q(used_by_session__isnull=True, closed_at__isnull=True, expires_at__gt=at)
    is_charging = Q(used_by_session__status=SessionStatus.LIVE)
    grants = StartGrant.objects.filter(
        is_open | is_charging,
        seller_id=station.location.owner_id,
        station_id=station.pk,
        token_hash=hash_token(token),
    )
    return grants.select_related("tariff_version").order_by("pk").last()
