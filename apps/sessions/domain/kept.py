"""A stop command as a document, so that it can be carried out later exactly as it was told."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from apps.sessions.domain.commands import EndCommand, Measurand, MeasuredSample, MeterSample
from apps.sessions.domain.signed import Encoding, Moment, SignedFormat, SignedSample


def as_document(command: EndCommand) -> dict[str, Any]:
    """Return the command as JSON: instants in ISO 8601, bytes in base64."""
    return {name: _written(value) for name, value in asdict(command).items()}


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, list | tuple):
        return [_written(item) for item in value]
    if isinstance(value, dict):
        return {name: _written(item) for name, item in value.items()}
    return value


def command_of(document: Mapping[str, Any]) -> EndCommand:
    """Return the command that ``as_document`` wrote."""
    return EndCommand(
        **{
            **document,
            "ended_at": datetime.fromisoformat(document["ended_at"]),
            "received_at": datetime.fromisoformat(document["received_at"]),
            "notes": tuple(document["notes"]),
            "samples": tuple(MeterSample(**{**one, "at": _instant(one["at"])}) for one in document["samples"]),
            "measured": tuple(
                MeasuredSample(**{**one, "at": _instant(one["at"]), "kind": Measurand(one["kind"])})
                for one in document["measured"]
            ),
            "signed": tuple(_signed(one) for one in document["signed"]),
        }
    )


def _signed(one: Mapping[str, Any]) -> SignedSample:
    return SignedSample(
        **{
            **one,
            "at": None if one["at"] is None else _instant(one["at"]),
            "moment": Moment(one["moment"]),
            "format": SignedFormat(one["format"]),
            "encoding": Encoding(one["encoding"]),
            "raw": b64decode(one["raw"]),
        }
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
