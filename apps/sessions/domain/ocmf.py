"""Read what a record in the Open Charge Metering Format states (OCMF 1.x: ``OCMF|payload|signature``).

Nothing of it is believed here: whether it is signed is decided elsewhere. Fields left out of a reading are those of the
reading before it. Only registers of active import that count for billing are read (OBIS 1-x:C.8.x, C as below), and a
loss-compensated one goes before the others, as in the transparency software.
"""

import base64
import json
import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, NamedTuple, NoReturn

from apps.sessions.domain.signed import Encoding, Moment, StatedReading, Statement

HEADER: Final = "OCMF"
_MILLIWH: Final = {"Wh": 1_000, "kWh": 1_000_000}
_NUMBER: Final = re.compile(r"\d{1,12}(\.\d{1,9})?", re.ASCII)
_OBIS: Final = re.compile(
    r"(?P<a>[0-9a-f]{1,2})-(?P<b>[0-9a-f]{1,2}):(?P<c>[0-9a-f]{1,2})\.(?P<d>[0-9a-f]{1,2})\.(?P<e>[0-9a-f]{1,2})"
    r"([.*](?P<f>[0-9a-f]+))?",
    re.ASCII | re.IGNORECASE,
)
_IMPORT: Final = frozenset({0x01, 0x98, 0x9E, *range(0xB0, 0xC0)})
_COMPENSATED: Final = frozenset({0x98, 0xB1, 0xB3})
_OF_TRANSACTION: Final = frozenset({0xB2, 0xB3})
_INHERITED: Final = ("TM", "TX", "RI", "RU", "EF", "ST")
_MOMENTS: Final = {"B": Moment.BEGIN, **dict.fromkeys("ELRAP", Moment.END)}
_SET_CLOCKS: Final = frozenset({"S", "I"})


class NotOcmf(ValueError):
    """The text is no OCMF record; the message says why."""


class OcmfRecord(NamedTuple):
    """The sections as they stand: the signature covers the bytes of ``payload``."""

    payload: str
    signature: dict[str, Any]
    statement: Statement


def unwrap(raw: bytes, encoding: Encoding) -> bytes:
    """Return the record inside what was kept.

    :raises ValueError: it is not wrapped as ``encoding`` says
    """
    match encoding:
        case Encoding.HEX:
            return bytes.fromhex(raw.decode("ascii"))
        case Encoding.BASE64:
            return base64.b64decode(b"".join(raw.split()), validate=True)
        case Encoding.PLAIN:
            return raw


def read_ocmf(data: bytes) -> OcmfRecord:
    """Split a record and read what it states.

    :raises NotOcmf: it cannot be read
    """
    try:
        sections = data.decode().strip().split("|", 3)
        if len(sections) < 3 or sections[0] != HEADER:
            raise NotOcmf("It does not have the three sections of an OCMF record.")
        payload, signature = _read_object(sections[1]), _read_object(sections[2])
        return OcmfRecord(sections[1], signature, _statement(payload))
    except NotOcmf:
        raise
    except (ValueError, RecursionError, OverflowError) as error:
        raise NotOcmf(f"It cannot be read as OCMF ({type(error).__name__}).") from error


def is_of_transaction(register: str) -> bool:
    """Tell whether a register counts one transaction from zero, instead of all that the meter ever delivered."""
    obis = _OBIS.fullmatch(register)
    return obis is not None and int(obis["c"], 16) in _OF_TRANSACTION


def _read_object(text: str) -> dict[str, Any]:
    # Numbers stay the text they are: how many digits a meter writes says how finely it measures.
    value = json.loads(text, parse_float=str, parse_int=str, parse_constant=_no_number)
    if not isinstance(value, dict):
        raise NotOcmf("A section of it is no object.")
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _statement(payload: dict[str, Any]) -> Statement:
    readings = payload.get("RD")
    if not isinstance(readings, list) or not all(isinstance(reading, dict) for reading in readings):
        raise NotOcmf("It has no list of readings.")
    inherited: dict[str, Any] = {}
    stated: list[StatedReading] = []
    for told in readings:
        inherited.update({name: told[name] for name in _INHERITED if name in told})
        reading = _reading({**told, **inherited})
        if reading is not None:
            stated.append(reading)
    compensated = [reading for reading in stated if _register_of(reading.register) in _COMPENSATED]
    return Statement(
        meter=_text(payload.get("MS")) or _text(payload.get("GS")),
        pagination=_text(payload.get("PG")),
        identification=_text(payload.get("ID")),
        readings=tuple(compensated or stated),
    )


def _reading(told: dict[str, Any]) -> StatedReading | None:
    """Read one reading; None for one of another register, and for one without a value."""
    register, unit, value = _text(told.get("RI")), told.get("RU"), told.get("RV")
    if _register_of(register) not in _IMPORT or unit not in _MILLIWH or not isinstance(value, str):
        return None
    if not _NUMBER.fullmatch(value):
        raise NotOcmf("A value of energy in it is no number.")
    at, _, clock = _text(told.get("TM")).partition(" ")
    factor, decimals = _MILLIWH[unit], len(value.partition(".")[2])
    return StatedReading(
        at=_instant(at),
        moment=_MOMENTS.get(_text(told.get("TX")).strip(), Moment.OTHER),
        energy_milliwh=int((Decimal(value) * factor).quantize(Decimal(1), rounding=ROUND_HALF_UP)),
        resolution_milliwh=max(1, factor // 10**decimals),
        unit=unit,
        register=register,
        is_clock_set=clock in _SET_CLOCKS,
        problem=_problem(status=_text(told.get("ST")), errors=_text(told.get("EF"))),
    )


def _problem(*, status: str, errors: str) -> str:
    if status != "G":
        return f"the meter's status is {status or 'missing'} instead of G (good)"
    return "the meter reports an error of its energy register" if "E" in errors else ""


def _register_of(register: str) -> int | None:
    """Return the group C of an OBIS code of electric energy summed up (D = 8); None for another."""
    obis = _OBIS.fullmatch(register)
    if obis is None or int(obis["a"], 16) != 1 or int(obis["d"], 16) != 8:
        return None
    return int(obis["c"], 16)


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text.replace(",", "."))
    if at.tzinfo is None:
        raise NotOcmf("A time in it has no zone.")
    if not 1970 <= at.year < 3000:
        raise NotOcmf("A time in it lies outside 1970 to 2999.")
    return at.astimezone(UTC)


def _text(value: Any) -> str:
    """Return a text as it can be kept; "" for what is none.

    :raises NotOcmf: an escape in it stands for NUL or for half of a character, which no database stores
    """
    if not isinstance(value, str):
        return ""
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value):
        raise NotOcmf("A text in it holds NUL or half of a surrogate pair.")
    return value[:64]
