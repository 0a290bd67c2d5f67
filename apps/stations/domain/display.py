"""What a station's display can show of prices, by its own settings, and how it is told in each version of OCPP.

2.0.1 has messages of its own (functional blocks I and O). 1.6 has none: stations that say so take the DataTransfers of
the Open Charge Alliance's application note "OCPP & California Pricing Requirements", section 3. Amounts are gross, with
the decimals of their currency. A display computes nothing: no unit prices are sent beside an amount, so that it never
shows what the bill does not say.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from apps.core.domain.exact_json import dump_exact
from apps.stations.domain.calls import PROTOCOL_201, StationCall
from apps.stations.domain.operating import change_configuration_call, read_configuration_call

COST_VENDOR: Final = "org.openchargealliance.costmsg"
CONNECTOR_UNPLUGGED: Final = "ConnectorUnplugged"
IDLE_MESSAGE_ID: Final = 710_001
"""Of the one message that we keep on a 2.0.1 display; sent again it takes the place of the former (O01)."""
MOST_MESSAGE_CHARS: Final = 512
"""OCPP 2.0.1 part 2, MessageContentType.content."""
_MOST_TAG_CHARS: Final = 20
ASKED: Final[Mapping[str, tuple[str, ...]]] = {
    "1.6": (
        "CustomDisplayCostAndPrice",
        "CustomMultiLanguageMessages",
        "SupportedLanguages",
        "Language",
        "TimeOffset",
        "NumberOfConnectors",
        "DefaultPrice",
    ),
    "2.0.1": (
        "TariffCostCtrlr.Available[Cost]",
        "TariffCostCtrlr.Enabled[Cost]",
        "TariffCostCtrlr.Available[Tariff]",
        "TariffCostCtrlr.Enabled[Tariff]",
        "TariffCostCtrlr.Currency",
        "DisplayMessageCtrlr.Available",
        "DisplayMessageCtrlr.Enabled",
        "DisplayMessageCtrlr.Language",
    ),
}
"""The settings that tell it."""


class PriceDisplay(StrEnum):
    """What an owner decides about prices on a display."""

    AS_REPORTED = "reported"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """What may be told to a display.

    cost      what a session costs so far and in the end · tariff  a driver's own price, in the answer to their card
    messages  a text while nobody charges
    currency  the only one it shows (2.0.1); "": whatever it is told · language  ISO 639-1; "": not known
    """

    cost: bool = False
    tariff: bool = False
    messages: bool = False
    currency: str = ""
    language: str = ""

    def shows_cost_in(self, currency: str) -> bool:
        """Tell whether it shows amounts of a currency as what they are."""
        return self.cost and self.currency in ("", currency)


NOTHING: Final = Display()


def reported_display(protocol: str, settings: Mapping[str, str]) -> Display:
    """Read what a station says of its display.

    A 2.0.1 part counts unless it is switched off: ``Enabled`` may be left out, ``Available`` not (part 2 appendix 3).

    settings  name → value
    """
    if protocol != PROTOCOL_201:
        shows = _is_true(settings, "CustomDisplayCostAndPrice")
        return Display(cost=shows, tariff=shows, messages=shows, language=_language(settings.get("Language", "")))
    return Display(
        cost=_has_part(settings, "TariffCostCtrlr", "[Cost]"),
        tariff=_has_part(settings, "TariffCostCtrlr", "[Tariff]"),
        messages=_has_part(settings, "DisplayMessageCtrlr"),
        currency=settings.get("TariffCostCtrlr.Currency", "").strip().upper()[:3],
        language=_language(settings.get("DisplayMessageCtrlr.Language", "")),
    )


def languages_taken(settings: Mapping[str, str]) -> tuple[str, ...]:
    """Return the languages in which a 1.6 station takes texts one by one, as it writes them; empty: it does not."""
    if not _is_true(settings, "CustomMultiLanguageMessages"):
        return ()
    names = (part.strip() for part in settings.get("SupportedLanguages", "").split(","))
    return tuple(name for name in names if 0 < len(name) <= _MOST_TAG_CHARS)


def ask_call(protocol: str) -> StationCall:
    """Ask a station for the settings that tell what its display shows."""
    return read_configuration_call(protocol, ASKED[protocol], request_id=0)


def _has_part(settings: Mapping[str, str], component: str, instance: str = "") -> bool:
    return _is_true(settings, f"{component}.Available{instance}") and (
        settings.get(f"{component}.Enabled{instance}", "").strip().lower() != "false"
    )


def _is_true(settings: Mapping[str, str], name: str) -> bool:
    return settings.get(name, "").strip().lower() == "true"


def _language(tag: str) -> str:
    """Return the language of an RFC 5646 tag, as ISO 639-1; stations write ``en_US`` too."""
    language = tag.strip().lower().replace("_", "-").partition("-")[0]
    return language if len(language) == 2 and language.isalpha() else ""


# --- what is told ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What a session costs as of a reading.

    transaction_ref  its name at a 2.0.1 station; None: ``transaction_id`` is its name
    cost             gross, rounded · energy_milliwh  what the register showed at ``at``
    is_idle          the vehicle charges no more
    """

    transaction_id: int
    transaction_ref: str | None
    cost: Decimal
    at: datetime
    energy_milliwh: int
    is_idle: bool = False


def running_cost_call(amount: Amount) -> StationCall:
    """Tell what a session costs so far (OCPP 2.0.1 I02; 1.6: application note, RunningCost)."""
    if amount.transaction_ref is not None:
        return "CostUpdated", {"totalCost": amount.cost, "transactionId": amount.transaction_ref}
    return _transfer(
        "RunningCost",
        {
            "transactionId": amount.transaction_id,
            "timestamp": _instant(amount.at),
            "meterValue": amount.energy_milliwh // 1_000,
            "cost": amount.cost,
            "state": "Idle" if amount.is_idle else "Charging",
            # The object is demanded, none of its prices is.
            "chargingPrice": {},
        },
    )


def final_cost_call(amount: Amount, *, text: str) -> StationCall:
    """Tell what a session has cost (OCPP 2.0.1 I02; 1.6: application note, FinalCost)."""
    if amount.transaction_ref is not None:
        return running_cost_call(amount)
    return _transfer("FinalCost", {"transactionId": amount.transaction_id, "cost": amount.cost, "priceText": text})


def user_price_call(*, id_token: str, text: str) -> StationCall:
    """Tell a driver's own price at a 1.6 station (application note, SetUserPrice); 2.0.1 tells it in its answers."""
    return _transfer("SetUserPrice", {"idToken": id_token, "priceText": text})


def idle_text_call(protocol: str, *, text: str, language: str) -> StationCall:
    """Show the price while nobody charges (OCPP 2.0.1 O01; 1.6: the key DefaultPrice)."""
    if protocol != PROTOCOL_201:
        return change_configuration_call(protocol, name="DefaultPrice", value=dump_exact({"priceText": text}))
    message = {
        "id": IDLE_MESSAGE_ID,
        "priority": "NormalCycle",
        "state": "Idle",
        "message": message_content(text, language=language),
    }
    return "SetDisplayMessage", {"message": message}


def idle_text_in_call(*, language: str, text: str) -> StationCall:
    """Show the price in one more language of a 1.6 station; ``language`` as it writes it (DefaultPriceText)."""
    value = dump_exact({"priceText": text})
    return change_configuration_call("1.6", name=f"DefaultPriceText,{language}", value=value)


def clear_idle_text_call() -> StationCall:
    """Take our message off a 2.0.1 display (O05)."""
    return "ClearDisplayMessage", {"id": IDLE_MESSAGE_ID}


def time_offset_call(offset: str) -> StationCall:
    """Set in which zone a 1.6 station shows times; ``offset`` as ``+01:00``."""
    return change_configuration_call("1.6", name="TimeOffset", value=offset)


def message_content(text: str, *, language: str) -> dict[str, object]:
    """Write a text as 2.0.1 has it (MessageContentType); ASCII is what every display takes."""
    return {"format": "ASCII", "language": language, "content": text[:MOST_MESSAGE_CHARS]}


def in_turn(texts: Sequence[tuple[int, str]]) -> str:
    """Join the texts of a station's EVSEs, which has one display: once where all say the same.

    texts  (EVSE number, text), at least one
    """
    if len({text for _, text in texts}) == 1:
        return texts[0][1]
    return " | ".join(f"{number}: {text}" for number, text in texts)


def shown_by(action: str, payload: Mapping[str, Any]) -> str:
    """Return what a display shows by one of these calls, as its driver reads it; "": nothing any more."""
    match action:
        case "CostUpdated":
            return str(payload["totalCost"])
        case "SetDisplayMessage":
            return str(payload["message"]["message"]["content"])
        case "DataTransfer":
            data = json.loads(payload["data"], parse_float=Decimal)
            return str(data["priceText"] if "priceText" in data else data["cost"])
        case "ChangeConfiguration" if payload["key"].startswith("DefaultPrice"):
            return str(json.loads(payload["value"])["priceText"])
        case "ChangeConfiguration":
            return str(payload["value"])
        case _:
            return ""


def _transfer(message_id: str, data: Mapping[str, Any]) -> StationCall:
    # The note has ``data`` as JSON in a text, which is what OCPP 1.6 §6.13 allows.
    return "DataTransfer", {"vendorId": COST_VENDOR, "messageId": message_id, "data": dump_exact(data)}


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
