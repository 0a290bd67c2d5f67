"""What a driver hears of prices in the answers to their own messages, where the station's display shows it.

A display is a courtesy and a transaction is not: whatever goes wrong here is logged, and the message is answered
without it.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from django.db import OperationalError, transaction

from apps.ocpp.handling import Request
from apps.ocpp.price_words import final_words, language_of, price_words, station_text
from apps.sessions.costs import SessionCost, costs_of
from apps.sessions.driver_prices import EvsePrice, driver_prices
from apps.sessions.models import ChargingSession
from apps.stations.domain.display import Display, message_content, user_price_call
from apps.stations.models import ChargingStation
from apps.stations.services import Notice, tell_stations

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a TransactionEventResponse says beside the id token's worth. None: nothing.

    total_cost  gross, final · message  of MessageContentType
    """

    total_cost: Decimal | None = None
    message: dict[str, object] | None = None


NOTHING_TOLD = Told()


def tell_user_prices(requests: Iterable[Request]) -> None:
    """Tell drivers whose card was accepted at a 1.6 station their own price, by a message of its own (SetUserPrice)."""
    asked = list(requests)
    for station in _showing(asked, lambda display: display.tariff).values():
        newest = [request for request in asked if request.station_id == station.pk][-1]
        _or_else(None, _tell_user_price, station, newest)


def _tell_user_price(station: ChargingStation, request: Request) -> None:
    token = request.call.payload["idTag"]
    text = _driver_text(station, token, request.received_at)
    if text:
        call = user_price_call(id_token=token, text=text)
        notice = Notice(station_id=station.pk, topic="user", stamp=str(request.frame_id), call=call)
        tell_stations([notice], at=request.received_at)


def personal_messages(accepted: Mapping[int, tuple[Request, str]]) -> dict[int, dict[str, object]]:
    """Return the price of each driver in their station's language (OCPP 2.0.1 C01, I01), by frame.

    accepted  by frame: the request and the token in it that may charge
    """
    stations = _showing([request for request, _ in accepted.values()], lambda display: display.tariff)
    messages = {}
    for frame_id, (request, token) in accepted.items():
        station = stations.get(request.station_id)
        if station is None:
            continue
        text = _or_else("", _driver_text, station, token, request.received_at)
        if text:
            messages[frame_id] = message_content(text, language=language_of(station))
    return messages


def _driver_text(station: ChargingStation, token: str, at: datetime) -> str:
    return station_text(driver_prices(token=token, station=station, at=at), language=language_of(station), at=at)


def told_of_sessions(events: Collection[tuple[Request, int, bool]]) -> dict[int, Told]:
    """Return what the answers to events say of their sessions' price and cost, by frame (OCPP 2.0.1 I01, I03).

    events  (request, session id, whether it ends the session): begins with a token, and ends
    """
    stations = _showing([request for request, _, _ in events], lambda display: display.cost or display.tariff)
    shown = [event for event in events if event[0].station_id in stations]
    if not shown:
        return {}
    return _or_else({}, _told, shown, stations)


def _told(events: Collection[tuple[Request, int, bool]], stations: Mapping[int, ChargingStation]) -> dict[int, Told]:
    sessions = ChargingSession.objects.filter(pk__in={session_id for _, session_id, _ in events}).select_related(
        "tariff_version", "grant", "evse__station__location"
    )
    by_id = {session.pk: session for session in sessions.prefetch_related("evse__connectors")}
    ended = [by_id[session_id] for _, session_id, is_end in events if is_end]
    costs = {cost.session.pk: cost for cost in costs_of(ended) if cost is not None}
    return {
        request.frame_id: _end_told(costs.get(session_id), stations[request.station_id])
        if is_end
        else _start_told(by_id[session_id], stations[request.station_id], request.received_at)
        for request, session_id, is_end in events
    }


def _start_told(session: ChargingSession, station: ChargingStation, at: datetime) -> Told:
    if not station.display.tariff or session.tariff_version is None or not session.is_billable:
        return NOTHING_TOLD
    grant = getattr(session, "grant", None)
    discount = grant.discount_percent if grant is not None else None
    price = EvsePrice(evse=session.evse, version=session.tariff_version, discount_percent=discount)
    language = language_of(station)
    return Told(message=message_content(price_words(price, language=language, at=at), language=language))


def _end_told(cost: SessionCost | None, station: ChargingStation) -> Told:
    if cost is None or not cost.is_final or not station.display.shows_cost_in(cost.currency):
        return NOTHING_TOLD
    message = message_content(final_words(cost), language=language_of(station)) if station.display.tariff else None
    return Told(total_cost=cost.gross, message=message)


def _showing(requests: Collection[Request], shows: Callable[[Display], bool]) -> dict[int, ChargingStation]:
    """Return those of the requests' stations whose display shows what is meant, in one query."""
    ids = {request.station_id for request in requests}
    if not ids:
        return {}
    stations = ChargingStation.objects.filter(pk__in=ids).select_related("location").order_by("pk")
    return {station.pk: station for station in stations if shows(station.display)}


def _or_else(otherwise: T, tell: Callable[..., T], *arguments: object) -> T:
    """Return what ``tell`` returns; where it fails, undo what it wrote and return ``otherwise``."""
    try:
        with transaction.atomic():
            return tell(*arguments)
    except OperationalError:
        raise
    except Exception:
        log.exception("a display was not told a price")
        return otherwise
