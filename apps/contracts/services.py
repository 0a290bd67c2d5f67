"""Which tariff applies to whom, where and when, with the reasons in words."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Q

from apps.contracts.domain.precedence import Assignment, Rank, choose_assignment, walk_ranks
from apps.contracts.domain.reasons import ExplainedStep, Outcome, Place, explain_steps
from apps.contracts.groups import groups_at
from apps.contracts.models import IdToken, MembershipTier, SiteGroup, TariffAssignment
from apps.contracts.places import places_of, tier_in_force
from apps.stations.models import Evse
from apps.tariffs.models import TariffVersion


class TariffQuery(NamedTuple):
    """Who charges where and when; token None: nobody known. ``evse`` has its station and location loaded.

    The token of another seller than the station's owner counts as nobody's: it is not known there.
    """

    token: IdToken | None
    evse: Evse
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffChoice:
    """The version that prices the session, if any, and why this one or none, in sentences for an operator.

    reasons           the decision first, then the higher ranks that were passed over
    discount_percent  of the contract's membership tier, off whatever tariff was found; None: none
    free_reason       why the card charges free: the discount is then the whole; "" = it does not
    """

    version: TariffVersion | None
    reasons: tuple[str, ...]
    discount_percent: Decimal | None = None
    free_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffExplanation:
    """The choice with every rank's answer.

    steps     one a rank, the highest first · tier  the contract's, if it is in force · group  of the site then
    decided_by  the assignment that decided; None: there is none
    """

    choice: TariffChoice
    steps: tuple[ExplainedStep, ...]
    decided_by: Assignment | None
    tier: MembershipTier | None
    group: SiteGroup | None


def find_tariff(*, token: IdToken | None, evse: Evse, at: datetime) -> TariffChoice:
    """Choose the tariff version by the order of ``domain.precedence``."""
    return find_tariffs([TariffQuery(token, evse, at)])[0]


def find_tariffs(queries: Iterable[TariffQuery]) -> list[TariffChoice]:
    """Choose versions in three queries, in order; see ``find_tariff``."""
    return [explanation.choice for explanation in explain_tariffs(queries)]


def explain_tariff(*, token: IdToken | None, evse: Evse, at: datetime) -> TariffExplanation:
    """Say which tariff applies to this token at this EVSE at this moment, and what each rank answered."""
    return explain_tariffs([TariffQuery(token, evse, at)])[0]


def explain_tariffs(queries: Iterable[TariffQuery]) -> list[TariffExplanation]:
    """Explain in three queries, in order; tokens come with contract and tier loaded (``find_tokens``)."""
    wanted = list(queries)
    groups = groups_at((query.evse.station.location_id, query.at) for query in wanted)
    places = [
        places_of(token=_known_token(query), evse=query.evse, group=group, at=query.at)
        for query, group in zip(wanted, groups, strict=True)
    ]
    assignments = _assignments(wanted, places)
    walks = [
        walk_ranks(
            assignments[_seller_id(query)], places={rank: one.place_ids for rank, one in named.items()}, at=query.at
        )
        for query, named in zip(wanted, places, strict=True)
    ]
    chosen = [choose_assignment(steps) for steps in walks]
    versions = _versions({assignment.tariff_id for assignment in chosen if assignment})
    explanations = []
    for query, named, group, steps, assignment in zip(wanted, places, groups, walks, chosen, strict=True):
        version = _version_at(versions[assignment.tariff_id], query.at) if assignment else None
        explained = explain_steps(steps, places=named, has_version=version is not None)
        tier = tier_in_force(_known_token(query), query.at)
        explanations.append(
            TariffExplanation(
                choice=_choice(query, explained, version=version, tier=tier),
                steps=explained,
                decided_by=assignment,
                tier=tier,
                group=group,
            )
        )
    return explanations


def version_of_tariff(tariff_id: int, *, at: datetime) -> TariffVersion | None:
    """Return a tariff's version in force at an instant; None: it has none."""
    return versions_of_tariffs([tariff_id], at=at)[tariff_id]


def versions_of_tariffs(tariff_ids: Iterable[int], *, at: datetime) -> dict[int, TariffVersion | None]:
    """Return each tariff's version in force at an instant, in one query; None: it has none."""
    wanted = set(tariff_ids)
    versions = _versions(wanted)
    return {tariff_id: _version_at(versions[tariff_id], at) for tariff_id in wanted}


def _choice(
    query: TariffQuery, steps: tuple[ExplainedStep, ...], *, version: TariffVersion | None, tier: MembershipTier | None
) -> TariffChoice:
    """Put the decision first, then why nothing above it decided."""
    decided = {Outcome.APPLIES, Outcome.NO_VERSION}
    position = next((index for index, step in enumerate(steps) if step.outcome in decided), None)
    if position is None:
        moment = f"{query.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        return TariffChoice(version=None, reasons=(f"No tariff is assigned to {query.evse} at {moment}.",))
    # That there is no card or no group is said once, not of every rank that would need one.
    reasons = [*dict.fromkeys((steps[position].sentence, *(step.sentence for step in steps[:position])))]
    token = _known_token(query)
    if version is not None and token is not None and token.free_reason:
        reasons.append(f"The card charges free: {token.free_reason}.")
        return TariffChoice(
            version=version, reasons=tuple(reasons), discount_percent=Decimal(100), free_reason=token.free_reason
        )
    discount = tier.discount_percent if version is not None and tier is not None else None
    if discount is not None:
        reasons.append(f"The membership tier “{tier}” takes {discount.normalize():f} % off.")
    return TariffChoice(version=version, reasons=tuple(reasons), discount_percent=discount)


def _seller_id(query: TariffQuery) -> int:
    return query.evse.station.location.owner_id


def _known_token(query: TariffQuery) -> IdToken | None:
    return query.token if query.token is not None and query.token.seller_id == _seller_id(query) else None


def _assignments(queries: list[TariffQuery], places: list[dict[Rank, Place]]) -> dict[int, list[Assignment]]:
    """Load the assignments that may concern the queries, by seller."""
    by_seller: defaultdict[int, list[Assignment]] = defaultdict(list)
    if not queries:
        return by_seller

    def ids(rank: Rank) -> set[int]:
        return {place.place_ids[0] for named in places if (place := named[rank]).place_ids}

    is_for_everybody = Q(contract__isnull=True, tier__isnull=True)
    rows = TariffAssignment.objects.filter(seller_id__in={_seller_id(query) for query in queries}).filter(
        Q(contract_id__in=ids(Rank.CONTRACT))
        | Q(tier_id__in=ids(Rank.TIER))
        | Q(evse_id__in=ids(Rank.EVSE))
        | Q(station_id__in=ids(Rank.STATION))
        | Q(location_id__in=ids(Rank.LOCATION))
        | Q(is_for_everybody, group_id__in=ids(Rank.GROUP))
        | Q(is_for_everybody, evse__isnull=True, station__isnull=True, location__isnull=True, group__isnull=True)
    )
    for row in rows.select_related("tariff"):
        by_seller[row.seller_id].append(_assignment(row))
    return by_seller


def _assignment(row: TariffAssignment) -> Assignment:
    # The first rank of which the row names all that it means.
    named = {
        Rank.CONTRACT_AT_GROUP: (row.contract_id, row.group_id),
        Rank.CONTRACT: (row.contract_id,),
        Rank.TIER_AT_GROUP: (row.tier_id, row.group_id),
        Rank.TIER: (row.tier_id,),
        Rank.EVSE: (row.evse_id,),
        Rank.STATION: (row.station_id,),
        Rank.LOCATION: (row.location_id,),
        Rank.GROUP: (row.group_id,),
        Rank.DEFAULT: (),
    }
    rank = next(rank for rank, ids in named.items() if None not in ids)
    return Assignment(
        rank=rank,
        place_ids=tuple(pk for pk in named[rank] if pk is not None),
        tariff_id=row.tariff_id,
        tariff_name=row.tariff.name,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )


def _versions(tariff_ids: set[int]) -> dict[int, list[TariffVersion]]:
    versions: defaultdict[int, list[TariffVersion]] = defaultdict(list)
    if tariff_ids:
        for version in TariffVersion.objects.published().filter(tariff_id__in=tariff_ids).select_related("tariff"):
            versions[version.tariff_id].append(version)
    return versions


def _version_at(versions: Iterable[TariffVersion], at: datetime) -> TariffVersion | None:
    """Return the version in force; never one of a lower rank's tariff: that would be a price nobody agreed on."""
    for version in versions:
        if version.is_in_force(at):
            return version
    return None
