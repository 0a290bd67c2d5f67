"""May this token charge here: from the station's open grants, then from the contracts of its owner."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from django.db.models import Q

from apps.contracts.domain.payers import Verdict
from apps.contracts.domain.tokens import TokenVerdict
from apps.contracts.models import HomeCharger, IdToken
from apps.contracts.selectors import TokenFinding, TokenQuery, find_tokens
from apps.contracts.services import TariffChoice, TariffQuery, find_tariffs, version_of_tariff
from apps.contracts.spending import Reservation, Wish, reserve, without_room
from apps.sessions.accounts import Account, Asked, accounts_of
from apps.sessions.domain.commands import AuthorisationStatus, AuthoriseCommand
from apps.sessions.domain.status import SessionStatus
from apps.sessions.domain.tokens import hash_token, mask_token
from apps.sessions.models import ChargingSession, StartGrant
from apps.stations.models import ChargingStation, Evse
from apps.tariffs.models import TariffVersion

STATUS_OF: Final = {
    TokenVerdict.VALID: AuthorisationStatus.ACCEPTED,
    TokenVerdict.BLOCKED: AuthorisationStatus.BLOCKED,
    TokenVerdict.EXPIRED: AuthorisationStatus.EXPIRED,
    TokenVerdict.UNKNOWN: AuthorisationStatus.INVALID,
}

_WHILE_CHARGING: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A token that begins to charge. ``evse`` has its station and location loaded; ``at`` is believed.

    is_under_way  the station let it begin before it told: no spending limit can keep it from beginning
    """

    token: str
    evse: Evse
    at: datetime
    is_under_way: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """The answer to the station and on whose account the session runs.

    grant      the open grant it uses up; None: none was written before
    token      the card, also a blocked one · version  None: nothing prices the session
    discount_percent  of the contract's membership tier; a grant written before carries its own
    free_reason  why the card charges free; "" = it does not
    reserved   of the contract's spending limit, gross; None: it has none
    home       the wallbox at home that it charges at: what it delivers is paid back
    payer      whose account it runs on by the rules of the card's contract; None: it has none
    mark_days  so long after the end the driver may mark who pays
    sentences  why a person must look at the session · stop: why the station must stop it, "" where it need not
    """

    status: AuthorisationStatus
    grant: StartGrant | None = None
    token: IdToken | None = None
    version: TariffVersion | None = None
    discount_percent: Decimal | None = None
    free_reason: str = ""
    reserved: Decimal | None = None
    home: HomeCharger | None = None
    payer: Verdict | None = None
    mark_days: int = 0
    sentences: tuple[str, ...] = ()
    stop: str = ""


def authorise(*, token: str, station_id: int, at: datetime) -> AuthorisationStatus:
    """Tell whether one id token may charge at a station now; see ``authorise_tokens``."""
    return authorise_tokens((AuthoriseCommand(station_id=station_id, token=token, at=at),))[0]


def authorise_tokens(commands: tuple[AuthoriseCommand, ...]) -> tuple[AuthorisationStatus, ...]:
    """Tell whether id tokens may charge, from open grants, then the contracts of the station's owner.

    Five queries for however many, one more where a spending limit is used up, three where rules say who pays.
    Only answers; the start makes the grant. An anonymous driver's token stays good while its session runs.
    """
    stations = ChargingStation.objects.filter(pk__in={command.station_id for command in commands}).order_by()
    places = {one.pk: one.location for one in stations.select_related("location")}
    owners = {station_id: place.owner_id for station_id, place in places.items()}
    granted = _granted(commands, owners)
    asking = [command for command in commands if command not in granted]
    findings = find_tokens(TokenQuery(owners[command.station_id], command.token, command.at) for command in asking)
    found = dict(zip(asking, findings, strict=True))
    answers = {command: STATUS_OF[finding.verdict] for command, finding in found.items()}
    asked = {c: f.token for c, f in found.items() if f.verdict is TokenVerdict.VALID and f.token is not None}
    accounts = accounts_of([Asked(token, c.station_id, places[c.station_id], c.at) for c, token in asked.items()])
    charged = dict(zip(asked, accounts, strict=True))
    answers |= {c: AuthorisationStatus.BLOCKED for c, account in charged.items() if account.refusal}
    valid = {c: account.token for c, account in charged.items() if not account.refusal and not account.home}
    answers |= dict.fromkeys(_without_room(valid), AuthorisationStatus.BLOCKED)
    return tuple(answers.get(command, AuthorisationStatus.ACCEPTED) for command in commands)


def _granted(commands: Sequence[AuthoriseCommand], owners: Mapping[int, int]) -> set[AuthoriseCommand]:
    """Find those whose token has a grant of the station's owner that is open, or anonymous and charging."""
    hashes = {command: hash_token(command.token) for command in commands}
    is_unused = Q(used_by_session__isnull=True, closed_at__isnull=True)
    is_charging = Q(contract__isnull=True, used_by_session__status=SessionStatus.LIVE)
    rows = StartGrant.objects.filter(
        is_unused | is_charging, station_id__in=owners, token_hash__in=set(hashes.values())
    ).values_list("station_id", "token_hash", "seller_id", "used_by_session_id", "expires_at")
    until: dict[tuple[int, str], datetime] = {}
    for station_id, token_hash, seller_id, session_id, expires_at in rows:
        if seller_id == owners[station_id]:
            ends_at, key = expires_at if session_id is None else _WHILE_CHARGING, (station_id, token_hash)
            until[key] = max(ends_at, until.get(key, ends_at))
    return {
        command for command in commands if command.at < until.get((command.station_id, hashes[command]), command.at)
    }


def _without_room(tokens: Mapping[AuthoriseCommand, IdToken]) -> Iterable[AuthoriseCommand]:
    """Find those whose contract has no room for a session, unless one of the token's runs there: it may be ended."""
    full = without_room({token.contract_id for token in tokens.values()})
    spent = {command: token.pk for command, token in tokens.items() if token.contract_id in full}
    if not spent:
        return []
    live = ChargingSession.objects.filter(token_id__in=spent.values(), status=SessionStatus.LIVE).order_by()
    running = set(live.values_list("station_id", "token_id"))
    return [command for command, token_id in spent.items() if (command.station_id, token_id) not in running]


def permit(requests: Sequence[Request]) -> list[Permission]:
    """Answer starts, in order; each open grant is given once and stays locked until the transaction ends."""
    granted = _take_grants(requests)
    asking = [request for request, grant in zip(requests, granted, strict=True) if grant is None]
    by_contract = iter(_permit_by_contract(asking))
    return [_permit_by_grant(grant) if grant else next(by_contract) for grant in granted]


def _take_grants(requests: Sequence[Request]) -> list[StartGrant | None]:
    """Find an open grant for each request: of this station, for this EVSE or any, not yet expired."""
    keys = [_grant_key(request) for request in requests]
    rows = (
        StartGrant.objects.select_for_update(no_key=True, of=("self",))
        .filter(used_by_session__isnull=True, closed_at__isnull=True, station_id__in={key[0] for key in keys})
        .filter(token_hash__in={key[1] for key in keys})
        .select_related("tariff_version")
        .order_by("pk")
    )
    open_grants: defaultdict[tuple[int, str], list[StartGrant]] = defaultdict(list)
    for row in rows:
        open_grants[row.station_id, row.token_hash].append(row)
    return [_take(open_grants[key], request) for key, request in zip(keys, requests, strict=True)]


def _grant_key(request: Request) -> tuple[int, str]:
    return request.evse.station_id, hash_token(request.token)


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
    accounts = _accounts(requests, findings)
    paying = [
        (request, account.token)
        for request, account in zip(requests, accounts, strict=True)
        if account and not account.home
    ]
    valid = [TariffQuery(token, request.evse, request.at) for request, token in paying]
    choices = iter(_reserved(paying, find_tariffs(valid)))
    misused = _misused_grants(
        request for request, finding in zip(requests, findings, strict=True) if finding.verdict is TokenVerdict.UNKNOWN
    )
    permissions = []
    for request, finding, account in zip(requests, findings, accounts, strict=True):
        status = STATUS_OF[finding.verdict]
        if account is not None and account.home is not None:
            permissions.append(_permit_at_home(account, request))
        elif account is not None:
            choice, reservation = next(choices)
            if refusal := account.refusal or reservation.refusal:
                permissions.append(_refuse_spending(finding.token, refusal))
                continue
            sentences = () if choice.version else choice.reasons[:1]
            permissions.append(
                Permission(
                    status=status,
                    token=account.token,
                    version=choice.version,
                    discount_percent=choice.discount_percent,
                    free_reason=choice.free_reason,
                    reserved=reservation.amount,
                    payer=account.verdict,
                    mark_days=account.mark_days,
                    sentences=sentences,
                )
            )
        elif grant := misused.get(_grant_key(request)):
            permissions.append(_refuse_misuse(grant, request))
        else:
            sentence = (
                f"Card {mask_token(request.token)} was {finding.verdict} when the session began: "
                "nobody is billed by itself."
            )
            permissions.append(Permission(status=status, token=finding.token, sentences=(sentence,)))
    return permissions


def _accounts(requests: Sequence[Request], findings: Sequence[TokenFinding]) -> list[Account | None]:
    """Say for each valid card on whose account it charges there and then; None for the others."""
    asked = [
        Asked(finding.token, request.evse.station_id, request.evse.station.location, request.at)
        for request, finding in zip(requests, findings, strict=True)
        if finding.verdict is TokenVerdict.VALID and finding.token is not None
    ]
    accounts = iter(accounts_of(asked))
    return [next(accounts) if finding.verdict is TokenVerdict.VALID else None for finding in findings]


def _reserved(
    paying: Sequence[tuple[Request, IdToken]], choices: Sequence[TariffChoice]
) -> Iterable[tuple[TariffChoice, Reservation]]:
    """Reserve for the valid cards that have a price, in order; who has none is billed nothing."""
    wishes = [
        Wish(token.contract_id, choice.version.currency, request.is_under_way)
        for (request, token), choice in zip(paying, choices, strict=True)
        if choice.version is not None
    ]
    reserved = iter(reserve(wishes) if wishes else ())
    return [(choice, next(reserved) if choice.version is not None else Reservation()) for choice in choices]


def _permit_at_home(account: Account, request: Request) -> Permission:
    """Let a fleet's card charge at its driver's home, at the reimbursement tariff; no limit and no tier count there."""
    assert account.home is not None, "only what charges at home is permitted there"
    if account.refusal:
        return _refuse_spending(account.token, account.refusal)
    tariff_id = account.home.driver.agreement.tariff_id
    version = version_of_tariff(tariff_id, at=request.at)
    sentences = (
        () if version else ("The reimbursement tariff has no version in force: nothing is paid back by itself.",)
    )
    return Permission(
        status=AuthorisationStatus.ACCEPTED,
        token=account.token,
        version=version,
        home=account.home,
        sentences=sentences,
    )


def _refuse_spending(token: IdToken | None, refusal: str) -> Permission:
    return Permission(
        status=AuthorisationStatus.BLOCKED,
        token=token,
        sentences=(f"{refusal} Nobody is billed by itself.",),
        stop=refusal,
    )


def _misused_grants(requests: Iterable[Request]) -> dict[tuple[int, str], StartGrant]:
    """Find the anonymous grants whose token begins to charge where or when they do not allow it, in one query."""
    keys = {_grant_key(request) for request in requests}
    if not keys:
        return {}
    grants = StartGrant.objects.filter(
        contract__isnull=True, station_id__in={key[0] for key in keys}, token_hash__in={key[1] for key in keys}
    )
    by_key = {(grant.station_id, grant.token_hash): grant for grant in grants.select_related("evse").order_by("pk")}
    return {key: grant for key, grant in by_key.items() if key in keys}


def _refuse_misuse(grant: StartGrant, request: Request) -> Permission:
    """Refuse a paid token at another connector, too late or for the second time; the station must stop."""
    if grant.evse is not None and grant.evse_id != request.evse.pk:
        why = f"It was paid for connector {grant.evse.number} and began at connector {request.evse.number}"
    elif grant.used_by_session_id is not None:
        why = "It was paid for once and began a second time"
    elif grant.closed_at is not None:
        why = f"Its money was given back at {grant.closed_at:%Y-%m-%d %H:%M:%S} UTC"
    else:
        why = f"It was paid for a start before {grant.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    return Permission(
        status=AuthorisationStatus.INVALID, sentences=(f"{why}: nobody is billed by itself.",), stop=f"{why}."
    )
