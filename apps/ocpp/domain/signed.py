"""Recognise signed meter values in what a station sends; keep them bit for bit, and read nothing of them.

OCPP 2.0.1 has a place for them (``signedMeterValue``, part 2 §2.46). OCPP 1.6 only says ``format: SignedData``
(§7.41), and stations put into ``value`` what they have: the record itself, in hexadecimal or base64, or 2.0.1's object
as a JSON text (OCA, "Signed Meter Values in OCPP"); some without the ``format``. ``publicKey`` may be sent with each.

=======================================  ======================  =====================================
sample                                   kept as the record      format, encoding
=======================================  ======================  =====================================
``value: "OCMF|{…}|{…}"``                the value               OCMF, plain
``value: "4f434d467c…"``                 the value               OCMF, hex
``value: "T0NNRnx7…"``                   the value               OCMF, base64
``value: "{\\"signedMeterData\\": …}"``    ``signedMeterData``     as that is
``value: "AP;0;3;…"``                    the value               ALFEN, plain
``value: "1b1b1b1b01010101…"``           the value               EDL (SML), hex
``value: "…"``, ``format: SignedData``   the value               unknown, plain
``signedMeterValue: {…}``                ``signedMeterData``     as that is
=======================================  ======================  =====================================
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from apps.sessions.domain.signed import Encoding, Moment, SignedFormat, SignedSample

MAX_BYTES: Final = 65_536
"""A longer record stays in its frame only; real ones have a few hundred bytes to a few thousand."""
_MAX_KEY_CHARS: Final = 2_500
_MOMENTS: Final = {"Transaction.Begin": Moment.BEGIN, "Transaction.End": Moment.END}
_STARTS: Final = (
    (b"OCMF|", SignedFormat.OCMF),
    (b"AP;", SignedFormat.ALFEN),
    (b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01", SignedFormat.EDL),
    (b"(ST:", SignedFormat.PCDF),
)
_HEX: Final = re.compile(r"([0-9A-Fa-f]{2})+")
# No number is as long; what is shorter cannot hold a signature.
_MIN_CHARS: Final = 24


def is_signed(sample: Mapping[str, Any]) -> bool:
    """Tell whether a sample's ``value`` holds a signed record in a number's place."""
    if sample.get("format") == "SignedData":
        return True
    value = sample.get("value")
    if isinstance(value, dict):
        return "signedMeterData" in value
    if not isinstance(value, str) or len(value) < _MIN_CHARS:
        return False
    return _object_in(value) is not None or _recognise(value)[0] is not SignedFormat.UNKNOWN


def find_signed(sample: Mapping[str, Any], *, at: datetime | None) -> SignedSample | None:
    """Return the signed record in a sample of either version, as it came; None: there is none, or it is too long."""
    beside = sample.get("signedMeterValue")
    if isinstance(beside, dict):
        return _from_object(beside, sample, at)
    if not is_signed(sample):
        return None
    value = sample.get("value")
    told = value if isinstance(value, dict) else _object_in(value) if isinstance(value, str) else None
    return _from_object(told, sample, at) if told is not None else _signed_sample(value, {}, sample, at)


def _from_object(told: Mapping[str, Any], sample: Mapping[str, Any], at: datetime | None) -> SignedSample | None:
    return _signed_sample(told.get("signedMeterData"), told, sample, at)


def _signed_sample(
    record: Any, told: Mapping[str, Any], sample: Mapping[str, Any], at: datetime | None
) -> SignedSample | None:
    if not isinstance(record, str) or not record:
        return None
    raw = record.encode(errors="surrogatepass")
    if len(raw) > MAX_BYTES:
        return None
    found, encoding = _recognise(record)
    context = sample.get("context")
    return SignedSample(
        at=at,
        moment=_MOMENTS.get(context, Moment.OTHER) if isinstance(context, str) else Moment.OTHER,
        format=found,
        encoding=encoding,
        raw=raw,
        method=_short(told.get("signingMethod"), 50),
        encoding_method=_short(told.get("encodingMethod"), 50),
        public_key=_short(told.get("publicKey"), _MAX_KEY_CHARS),
    )


def _recognise(text: str) -> tuple[SignedFormat, Encoding]:
    """Tell a record's format and how it is wrapped by how it begins."""
    text = text.strip()
    if found := _format_of(text[:16].encode(errors="surrogatepass")):
        return found, Encoding.PLAIN
    if _HEX.fullmatch(text):
        found, encoding = _format_of(bytes.fromhex(text[:32])), Encoding.HEX
    else:
        found, encoding = _format_of(_from_base64(text)), Encoding.BASE64
    return (found, encoding) if found else (SignedFormat.UNKNOWN, Encoding.PLAIN)


def _format_of(data: bytes) -> SignedFormat | None:
    return next((found for start, found in _STARTS if data.startswith(start)), None)


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _object_in(text: str) -> dict[str, Any] | None:
    """Return the object with signed data that a text is the JSON of; a text within a text is read too."""
    if text.lstrip()[:1] not in ("{", '"') or len(text) > 2 * MAX_BYTES:
        return None
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(told, str) and told != text:
        return _object_in(told)
    return told if isinstance(told, dict) and "signedMeterData" in told else None


def _short(value: Any, most: int) -> str:
    """Return a text that PostgreSQL takes; "" for what is none, or too long to be what it should be."""
    is_text = isinstance(value, str) and len(value) <= most and "".join(value.split()).isprintable()
    return value if is_text else ""
