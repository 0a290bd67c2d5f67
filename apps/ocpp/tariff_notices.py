"""What displays show while nobody charges: the price of a driver without a contract, as the tariff in force has it."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final

from apps.core.domain.exact_json import dump_exact
from apps.core.domain.zones import zone
from apps.ocpp.price_words import language_of, spoken, station_text
from apps.sessions.driver_prices import EvsePrice, prices_for
from apps.stations.domain.calls import PROTOCOL_201, StationCall
from apps.stations.domain.display import (
    ASKED,
    clear_idle_text_call,
    idle_text_call,
    idle_text_in_call,
    languages_taken,
    time_offset_call,
)
from apps.stations.domain.status import CommandStatus
from apps.stations.models import ChargingStation, ConfigurationKey, StationCommand
from apps.stations.selectors import online
from apps.stations.services import Notice, tell_stations
from apps.stations.shows_prices import may_be_told

_PRICE: Final = "price"
TOLD_AT_ONCE: Final = 200


def tell_tariffs(*, at: datetime) -> int:
    """Have displays show the price in force, and none where there is none; return how many notices."""
    shown = ChargingStation.objects.filter(online(at), may_be_told("messages")).order_by("pk")
    shown = shown.select_related("location").prefetch_related("evses__connectors")
    told, priced = 0, set[int]()
    all_shown = list(shown)
    for first in range(0, len(all_shown), TOLD_AT_ONCE):
        batch = all_shown[first : first + TOLD_AT_ONCE]
        notices = list(_notices(batch, at))
        priced |= {notice.station_id for notice in notices if notice.topic == _PRICE}
        told += tell_stations(notices, at=at)
    return told + tell_stations(_clearings(priced, at), at=at)


def _notices(batch: Collection[ChargingStation], at: datetime) -> Iterator[Notice]:
    settings, prices = _settings_of(batch), _prices_of(batch, at)
    for station in batch:
        calls = _calls(station, prices[station.pk], settings[station.pk], at)
        yield from (_notice(station.pk, topic, call) for topic, call in calls)


def _calls(
    station: ChargingStation, prices: list[EvsePrice], settings: Mapping[str, str], at: datetime
) -> Iterator[tuple[str, StationCall]]:
    """Yield (topic, call) for all that a station's display is to show."""
    language = language_of(station)
    text = station_text(prices, language=language, at=at)
    if text:
        yield _PRICE, idle_text_call(station.protocol, text=text, language=language)
    if station.protocol == PROTOCOL_201:
        return
    # One a language that we speak, however many tags a station lists.
    tags = {other: tag for tag in languages_taken(settings) if text and (other := spoken(tag)) is not None}
    for other, tag in tags.items():
        if told := station_text(prices, language=other, at=at):
            yield f"{_PRICE}:{other}", idle_text_in_call(language=tag, text=told)
    offset = _offset(station, at)
    if settings.get("TimeOffset", offset) != offset:
        yield "offset", time_offset_call(offset)


def _offset(station: ChargingStation, at: datetime) -> str:
    return at.astimezone(zone(station.location.time_zone)).isoformat()[-6:]


def _clearings(priced: Collection[int], at: datetime) -> list[Notice]:
    """Take our text off the displays that took one and have none to show any more, or are switched off."""
    showing = StationCommand.objects.filter(
        topic=_PRICE,
        action="SetDisplayMessage",
        status=CommandStatus.ACCEPTED,
        station__in=ChargingStation.objects.filter(online(at), protocol=PROTOCOL_201),
    )
    stale = showing.exclude(station_id__in=priced).values_list("station_id", flat=True)
    return [_notice(station_id, _PRICE, clear_idle_text_call()) for station_id in stale]


def _notice(station_id: int, topic: str, call: StationCall) -> Notice:
    stamp = sha256(dump_exact(call).encode()).hexdigest()
    return Notice(station_id=station_id, topic=topic, stamp=stamp, call=call)


def _prices_of(batch: Collection[ChargingStation], at: datetime) -> dict[int, list[EvsePrice]]:
    prices: defaultdict[int, list[EvsePrice]] = defaultdict(list)
    for price in prices_for(None, [evse for station in batch for evse in station.evses.all()], at=at):
        prices[price.evse.station_id].append(price)
    return prices


def _settings_of(batch: Collection[ChargingStation]) -> dict[int, dict[str, str]]:
    settings: defaultdict[int, dict[str, str]] = defaultdict(dict)
    rows = ConfigurationKey.objects.filter(station__in=batch, name__in=ASKED["1.6"])
    for station_id, name, value in rows.values_list("station_id", "name", "value"):
        settings[station_id][name] = value
    return settings
