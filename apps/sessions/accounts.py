"""On whose account a valid card charges somewhere: its contract's, or by an employer's rules the driver's own."""

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from apps.contracts.domain.payers import Beginning, CardKind, Payer, Verdict, decide_payer, payer_words
from apps.contracts.domain.tokens import TokenVerdict, judge_token
from apps.contracts.models import Contract, HomeCharger, IdToken, PayerPolicy
from apps.core.domain.zones import zone
from apps.sessions.domain.tokens import mask_token
from apps.stations.models import Location


class Asked(NamedTuple):
    """A valid card with its contract and policy loaded, where and when it would charge."""

    token: IdToken
    station_id: int
    location: Location
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The card as it charges: with the driver's contract in place of the employer's where the driver pays.

    home     the wallbox at whose driver's home it charges; None: it is no such station
    verdict  what the rules say; None: the card's contract has none
    mark_days  so long after the end the driver may mark who pays
    refusal  why it does not charge; "" = it does
    """

    token: IdToken
    home: HomeCharger | None = None
    verdict: Verdict | None = None
    mark_days: int = 0
    refusal: str = ""


def accounts_of(asked: Sequence[Asked]) -> list[Account]:
    """Decide for each card, in order; one query where no contract has rules, else four."""
    chargers = _home_chargers(asked)
    homes = [_home_of(one, chargers) for one in asked]
    if not any(_policy(one.token) for one in asked):
        policies, drivers = {}, {}
    else:
        policies = _with_rules(policy.pk for one in asked if (policy := _policy(one.token)))
        drivers = _contracts({one.token.driver_contract_id for one in asked if one.token.driver_contract_id})
    return [
        _at_home(one, home) if home else _account(one, policies, drivers)
        for one, home in zip(asked, homes, strict=True)
    ]


def _home_chargers(asked: Sequence[Asked]) -> list[HomeCharger]:
    stations = {one.station_id for one in asked}
    found = HomeCharger.objects.filter(station_id__in=stations) if stations else HomeCharger.objects.none()
    return list(found.select_related("driver__agreement__contract"))


def _home_of(one: Asked, chargers: Iterable[HomeCharger]) -> HomeCharger | None:
    """Return the wallbox that a station is on the local day of an instant."""
    day = one.at.astimezone(zone(one.location.time_zone)).date()
    for charger in chargers:
        is_then = charger.first_day <= day and (charger.end_day is None or day < charger.end_day)
        if charger.station_id == one.station_id and is_then:
            return charger
    return None


def _at_home(one: Asked, home: HomeCharger) -> Account:
    """Let only the fleet's own cards charge at its driver's home: whatever else does is the driver's own affair."""
    contract = home.driver.agreement.contract
    if one.token.contract_id == contract.pk:
        return Account(token=one.token, home=home)
    refusal = (
        f"The station is a wallbox at a driver's home: only cards of contract {contract.number} are paid back there."
    )
    return Account(token=one.token, home=home, refusal=refusal)


def judge_driver(contract: Contract | None, *, at: datetime) -> str:
    """Say why a driver's own contract cannot be charged at an instant; "" where it can."""
    if contract is None:
        return "the card names no contract of the driver's"
    verdict = judge_token(
        is_active=True,
        contract_status=contract.status,
        valid_from=contract.valid_from,
        valid_to=contract.valid_to,
        at=at,
        own_from=None,
        own_to=None,
    )
    return "" if verdict is TokenVerdict.VALID else f"the driver's contract {contract.number} does not run then"


def _account(one: Asked, policies: dict[int, PayerPolicy], drivers: dict[int, Contract]) -> Account:
    token, _, location, at = one
    policy = _policy(token)
    if policy is None:
        return Account(token=token)
    beginning = Beginning(
        local=at.astimezone(zone(location.time_zone)),
        location=location.pk,
        card_kind=CardKind(token.kind) if token.kind else None,
    )
    loaded = policies[policy.pk]
    verdict = decide_payer(loaded.ordered_rules(), otherwise=Payer(loaded.otherwise), beginning=beginning)
    if verdict.payer is Payer.EMPLOYER:
        return Account(token=token, verdict=verdict, mark_days=loaded.mark_days)
    contract = drivers.get(token.driver_contract_id or 0)
    if why := judge_driver(contract, at=at):
        said = payer_words(verdict.payer, verdict.origin, verdict.facts, language="en")
        return Account(token=token, verdict=verdict, refusal=f"{said}; of card {mask_token(token.uid)} {why}.")
    return Account(token=_on(contract, token), verdict=verdict, mark_days=loaded.mark_days)


def _on(contract: Contract | None, token: IdToken) -> IdToken:
    """Return the card as if it were of the driver's contract, never saved: nothing of the employer's sticks to it."""
    assert contract is not None, "a driver without a contract is refused"
    charged = copy(token)
    # The cache of loaded relations is shared by a copy.
    charged._state = copy(token._state)
    charged._state.fields_cache = {}
    charged.contract, charged.vehicle, charged.cost_centre = contract, None, None
    charged.free_reason = ""
    return charged


def _policy(token: IdToken) -> PayerPolicy | None:
    return getattr(token.contract, "payer_policy", None)


def _with_rules(policy_ids: Iterable[int]) -> dict[int, PayerPolicy]:
    found = PayerPolicy.objects.filter(pk__in=set(policy_ids)).prefetch_related("rules__location")
    return {policy.pk: policy for policy in found}


def _contracts(contract_ids: set[int]) -> dict[int, Contract]:
    return {one.pk: one for one in Contract.objects.filter(pk__in=contract_ids).select_related("customer", "tier")}
