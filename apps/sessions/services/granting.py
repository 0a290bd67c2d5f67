"""The permission to charge once, written down by whoever lets it happen, before the station is asked to start."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from apps.contracts.models import Contract
from apps.sessions.domain.tokens import hash_token
from apps.sessions.errors import GrantRefused
from apps.sessions.models import StartGrant
from apps.stations.models import Evse
from apps.tariffs.models import TariffVersion

MOST_TOKEN_CHARS = 20
"""OCPP 1.6 §7.15, IdToken."""
MOST_PERCENT = 100
FINEST_PERCENT = Decimal("0.0001")


@transaction.atomic
def write_grant(
    *,
    seller_id: int,
    station_id: int,
    evse_id: int,
    token: str,
    tariff_version_id: int,
    currency: str,
    limit_amount: Decimal | None,
    waive_below: Decimal | None,
    granted_at: datetime,
    expires_at: datetime,
    contract_id: int | None = None,
    language: str = "",
    discount_percent: Decimal | None = None,
) -> StartGrant:
    """Allow one start with ``token`` on an EVSE until ``expires_at``; the caller decides that nobody else has it.

    token         1–20 characters, as the station will send it; only its hash is kept
    limit_amount  gross ceiling; None: none · waive_below: gross amount below which nothing is charged
    contract_id   the payer; None: anonymous, written to in ``language``
    discount_percent  0 < percent ≤ 100, at most 4 decimals, off every component; None: none

    :raises GrantRefused: what it names is not the seller's, or belongs not together
    """
    evse = Evse.objects.select_related("station__location").get(pk=evse_id)
    version = TariffVersion.objects.select_related("tariff").get(pk=tariff_version_id)
    if not 1 <= len(token.strip()) <= MOST_TOKEN_CHARS:
        raise GrantRefused(f"A token has 1 to {MOST_TOKEN_CHARS} characters.")
    if evse.station_id != station_id or evse.station.location.owner_id != seller_id:
        raise GrantRefused(f"EVSE {evse} is not of that station and seller.")
    if version.tariff.owner_id != seller_id or version.currency != currency:
        raise GrantRefused(f"Tariff version {version} is not that seller's, or not in {currency}.")
    if contract_id is not None and not Contract.objects.filter(pk=contract_id, seller_id=seller_id).exists():
        raise GrantRefused("The contract is not that seller's.")
    if discount_percent is not None and not _is_percentage(discount_percent):
        raise GrantRefused("A discount is above 0 and at most 100 percent, with at most 4 decimals.")
    if expires_at <= granted_at:
        raise GrantRefused("A grant expires after it is given.")
    return StartGrant.objects.create(
        seller_id=seller_id,
        station_id=station_id,
        evse=evse,
        token_hash=hash_token(token),
        tariff_version=version,
        contract_id=contract_id,
        language=language,
        currency=currency,
        limit_amount=limit_amount,
        waive_below=waive_below,
        discount_percent=discount_percent,
        granted_at=granted_at,
        expires_at=expires_at,
    )


def _is_percentage(percent: Decimal) -> bool:
    return 0 < percent <= MOST_PERCENT and percent == percent.quantize(FINEST_PERCENT)


@transaction.atomic
def close_grant(*, grant_id: int, at: datetime) -> bool:
    """Let no start take an unused grant any more, since its money is given back; False if a session has taken it.

    Closing again changes nothing. A start that comes all the same is Invalid, and is stopped.
    """
    grant = StartGrant.objects.select_for_update(no_key=True).get(pk=grant_id)
    if grant.used_by_session_id is not None:
        return False
    if grant.closed_at is None:
        grant.closed_at = at
        grant.save(update_fields=["closed_at"])
    return True
