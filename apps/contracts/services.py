"""Which tariff applies to whom, where and when, with the reasons in words."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db.models import Q

from apps.contracts.domain.precedence import Assignment, Rank, choose_assignment
from apps.contracts.models import IdToken, TariffAssignment
from apps.stations.models import Evse
from apps.tariffs.models import TariffVersion


class TariffQuery(NamedTuple):
    """Who charges where and when; token None: nobody known. ``evse`` has its station and location loaded."""

    token: IdToken | None
    evse: Evse
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffChoice:
    """The version that prices the session, if any, and why this one or none, in sentences for an operator."""

    version: TariffVersion | None
    reasons: tuple[str, ...]


def find_tariff(*, token: IdToken | None, evse: Evse, at: datetime) -> TariffChoice:
    """Choose the tariff version: contract > EVSE > station > location > the owner's default (TARIFFS.md "Objects")."""
    return find_tariffs([TariffQuery(token, evse, at)])[0]


def find_tariffs(queries: Iterable[TariffQuery]) -> list[TariffChoice]:
    """Choose versions in two queries, in order; see ``find_tariff``."""
    wanted = list(queries)
    assignments = _assignments(wanted)
    chosen = [choose_assignment(assignments[_seller_id(query)], places=_places(query), at=query.at) for query in wanted]
    versions = _versions({assignment.tariff_id for assignment in chosen if assignment})
    return [
        _explain(query, assignment, versions[assignment.tariff_id] if assignment else [])
        for query, assignment in zip(wanted, chosen, strict=True)
    ]


def _seller_id(query: TariffQuery) -> int:
    return query.evse.station.location.owner_id


def _places(query: TariffQuery) -> dict[Rank, int | None]:
    return {
        Rank.CONTRACT: query.token.contract_id if query.token else None,
        Rank.EVSE: query.evse.pk,
        Rank.STATION: query.evse.station_id,
        Rank.LOCATION: query.evse.station.location_id,
    }


def _assignments(queries: list[TariffQuery]) -> dict[int, list[Assignment]]:
    """Load the assignments that may concern the queries, by seller."""
    places = [_places(query) for query in queries]
    ids = {rank: {place[rank] for place in places if place[rank] is not None} for rank in places[0]} if places else {}
    if not ids:
        return defaultdict(list)
    rows = TariffAssignment.objects.filter(seller_id__in={_seller_id(query) for query in queries}).filter(
        Q(contract_id__in=ids[Rank.CONTRACT])
        | Q(evse_id__in=ids[Rank.EVSE])
        | Q(station_id__in=ids[Rank.STATION])
        | Q(location_id__in=ids[Rank.LOCATION])
        | Q(contract__isnull=True, evse__isnull=True, station__isnull=True, location__isnull=True)
    )
    by_seller: defaultdict[int, list[Assignment]] = defaultdict(list)
    for row in rows:
        by_seller[row.seller_id].append(_assignment(row))
    return by_seller


def _assignment(row: TariffAssignment) -> Assignment:
    places = {
        Rank.CONTRACT: row.contract_id,
        Rank.EVSE: row.evse_id,
        Rank.STATION: row.station_id,
        Rank.LOCATION: row.location_id,
    }
    rank = next((rank for rank, place_id in places.items() if place_id is not None), Rank.DEFAULT)
    return Assignment(
        rank=rank,
        place_id=places.get(rank),
        tariff_id=row.tariff_id,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )


def _versions(tariff_ids: set[int]) -> dict[int, list[TariffVersion]]:
    versions: defaultdict[int, list[TariffVersion]] = defaultdict(list)
    if tariff_ids:
        for version in TariffVersion.objects.filter(tariff_id__in=tariff_ids).select_related("tariff"):
            versions[version.tariff_id].append(version)
    return versions


def _explain(query: TariffQuery, assignment: Assignment | None, versions: list[TariffVersion]) -> TariffChoice:
    moment = f"{query.at:%Y-%m-%d %H:%M} UTC"
    if assignment is None:
        return TariffChoice(version=None, reasons=(f"No tariff is assigned to {query.evse} at {moment}.",))
    for version in versions:
        if version.valid_from <= query.at and (version.valid_to is None or query.at < version.valid_to):
            reason = f"“{version.tariff}” is assigned to {assignment.rank.words}."
            return TariffChoice(version=version, reasons=(reason,))
    # No falling through to a lower rank: that would be a price nobody agreed on.
    reason = f"The tariff assigned to {assignment.rank.words} has no version that is valid at {moment}."
    return TariffChoice(version=None, reasons=(reason,))
