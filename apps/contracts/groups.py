"""Which sites a group holds, in which group a site is, and what a contract has there, on any day past or to come."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from apps.contracts.models import Contract, GroupedSite, SiteGroup, TariffAssignment
from apps.stations.models import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTariff:
    """A tariff that a contract has of its own; ``sites``: those of its group in that time, [] where it has none."""

    assignment: TariffAssignment
    sites: list[Location]


def groups_at(wanted: Iterable[tuple[int, datetime]]) -> list[SiteGroup | None]:
    """Return the group of each location (by id) at its moment, in order, in one query; None: it is in none."""
    asked = list(wanted)
    if not asked:
        return []
    rows: defaultdict[int, list[GroupedSite]] = defaultdict(list)
    earliest, latest = min(at for _, at in asked), max(at for _, at in asked)
    for row in _held(earliest, latest).filter(location__in={location_id for location_id, _ in asked}):
        rows[row.location_id].append(row)
    return [next((row.group for row in rows[pk] if row.is_valid(at)), None) for pk, at in asked]


def sites_between(groups: Iterable[int], begin: datetime, end: datetime) -> dict[int, list[Location]]:
    """Return the locations that each group (by id) holds at some moment of [begin, end), by name."""
    sites: defaultdict[int, dict[int, Location]] = defaultdict(dict)
    held = _held(begin, end).filter(group__in=set(groups), valid_from__lt=end)
    for row in held.select_related("location").order_by("location__name"):
        sites[row.group_id][row.location_id] = row.location
    return {group_id: list(found.values()) for group_id, found in sites.items()}


def sites_from(group: SiteGroup, at: datetime) -> Sequence[Location]:
    """Return the locations that a group holds at a moment or later."""
    held = GroupedSite.objects.filter(group=group).exclude(valid_to__lte=at)
    return list(Location.objects.filter(pk__in=held.values("location")).order_by("name"))


def own_tariffs(contract: Contract, begin: datetime, end: datetime) -> list[OwnTariff]:
    """Return what tariffs a contract has of its own in [begin, end), the last of each place; everywhere comes first."""
    held = TariffAssignment.objects.filter(contract=contract, valid_from__lt=end).exclude(valid_to__lte=begin)
    last = held.order_by("group_id", "-valid_from").distinct("group_id").select_related("tariff", "group")
    rows = sorted(last, key=lambda row: row.group.name if row.group is not None else "")
    sites = sites_between([row.group_id for row in rows if row.group_id is not None], begin, end)
    return [OwnTariff(assignment=row, sites=sites.get(row.group_id, [])) for row in rows]


def _held(begin: datetime, end: datetime) -> QuerySet[GroupedSite]:
    is_open = Q(valid_to__isnull=True) | Q(valid_to__gt=begin)
    return GroupedSite.objects.filter(is_open, valid_from__lte=end).select_related("group")
