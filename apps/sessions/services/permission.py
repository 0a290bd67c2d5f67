"""May this token charge here: from the station's open grants, then from the contracts of its owner."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Q

from apps.contracts.domain.tokens import TokenVerdict
from apps.contracts.models import IdToken
from apps.contracts.selectors import TokenQuery, find_tokens
from apps.contracts.services import TariffQuery, find_tariffs
from apps.sessions.domain.commands import AuthorisationStatus
from apps.sessions.domain.tokens import hash_token, mask_token
from apps.sessions.models import StartGrant
from apps.stations.models import ChargingStation, Evse
from apps.tariffs.models import TariffVersion

STATUS_OF: Final = {
    TokenVerdict.VALID: AuthorisationStatus.ACCEPTED,
    TokenVerdict.BLOCKED: AuthorisationStatus.BLOCKED,
    TokenVerdict.EXPIRED: AuthorisationStatus.EXPIRED,
    TokenVerdict.UNKNOWN: AuthorisationStatus.INVALID,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A token that begins to charge. ``evse`` has its station and location loaded; ``at`` is believed."""

    token: str
    evse: Evse
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """The answer to the station and on whose account the session runs.

    grant      the open grant it uses up; None: none was written before
    token      the card, also a blocked one · version  None: nothing prices the session
    sentences  why a person must look at the session
    """

    status: AuthorisationStatus
    grant: StartGrant | None = None
    token: IdToken | None = None
    version: TariffVersion | None = None
    sentences: tuple[str, ...] = ()


def authorise(*, token: str, station_id: int, at: datetime) -> AuthorisationStatus:
    """Tell whether an id token may charge at a station now, from its open grants, then the owner's contracts.

    Only answers; the start makes the grant.

    token  as the station sent it
    """
    owner_id = ChargingStation.objects.values_list("location__owner_id", flat=True).get(pk=station_id)
    is_granted = StartGrant.objects.filter(
        seller_id=owner_id,
        station_id=station_id,
        token_hash=hash_token(token),
        used_by_session__isnull=True,
        expires_at__gt=at,
    ).exists()
    if is_granted:
        return AuthorisationStatus.ACCEPTED
    (finding,) = find_tokens([TokenQuery(owner_id, token, at)])
    return STATUS_OF[finding.verdict]


def permit(requests: Sequence[Request]) -> list[Permission]:
    """Answer starts, in order; each open grant is given once and stays locked until the transaction ends."""
    granted = _take_grants(requests)
    asking = [request for request, grant in zip(requests, granted, strict=True) if grant is None]
    by_contract = iter(_permit_by_contract(asking))
    return [_permit_by_grant(grant) if grant else next(by_contract) for grant in granted]


def _take_grants(requests: Sequence[Request]) -> list[StartGrant | None]:
    """Find an open grant for each request: of this station, for this EVSE or any, not yet expired."""
    keys = [(request.evse.station_id, hash_token(request.token)) for request in requests]
    rows = (
        StartGrant.objects.select_for_update(no_key=True, of=("self",))
        .filter(Q(used_by_session__isnull=True), station_id__in={key[0] for key in keys})
        .filter(token_hash__in={key[1] for key in keys})
        .select_related("tariff_version")
        .order_by("pk")
    )
    open_grants: defaultdict[tuple[int, str], list[StartGrant]] = defaultdict(list)
    for row in rows:
        open_grants[row.station_id, row.token_hash].append(row)
    return [_take(open_grants[key], request) for key, request in zip(keys, requests, strict=True)]


def _take(grants: list[StartGrant], request: Request) -> StartGrant | None:
    owner_id = request.evse.station.location.owner_id
    for grant in grants:
        is_here = grant.evse_id in (None, request.evse.pk) and grant.seller_id == owner_id
        if is_here and request.at < grant.expires_at:
            grants.remove(grant)
            return grant
    return None


def _permit_by_grant(grant: StartGrant) -> Permission:
    return Permission(status=AuthorisationStatus.ACCEPTED, grant=grant, version=grant.tariff_version)


def _permit_by_contract(requests: Sequence[Request]) -> Iterable[Permission]:
    if not requests:
        return []
    findings = find_tokens(
        TokenQuery(request.evse.station.location.owner_id, request.token, request.at) for request in requests
    )
    valid = [
        TariffQuery(finding.token, request.evse, request.at)
        for request, finding in zip(requests, findings, strict=True)
        if finding.verdict is TokenVerdict.VALID
    ]
    choices = iter(find_tariffs(valid))
    permissions = []
    for request, finding in zip(requests, findings, strict=True):
        status = STATUS_OF[finding.verdict]
        if status is AuthorisationStatus.ACCEPTED:
            choice = next(choices)
            sentences = () if choice.version else choice.reasons
            permissions.append(
                Permission(status=status, token=finding.token, version=choice.version, sentences=sentences)
            )
        else:
            sentence = (
                f"Card {mask_token(request.token)} was {finding.verdict} when the session began: "
                "nobody is billed by itself."
            )
            permissions.append(Permission(status=status, token=finding.token, sentences=(sentence,)))
    return permissions
