"""Signed meter values: what a meter signed, as it came, and what became of checking it.

A record is kept bit for bit as its station sent it, whatever its format. What it states counts for nothing until its
signature is verified with a key of the meter; the verdict says so, or why not, in words.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SignedFormat(StrEnum):
    """What a signed record is written in; only OCMF is verified here."""

    OCMF = "OCMF"
    ALFEN = "ALFEN"
    EDL = "EDL"
    PCDF = "PCDF"
    UNKNOWN = "unknown"


class Encoding(StrEnum):
    """How the record is wrapped in what was kept, in the words of the transparency software."""

    PLAIN = "plain"
    BASE64 = "base64"
    HEX = "hex"


class Moment(StrEnum):
    """Which moment of a transaction a value is of."""

    BEGIN = "begin"
    END = "end"
    OTHER = "other"


class Verdict(StrEnum):
    """verified: a key of the meter signed it · refused: none of them did · no key: none is known ·
    unknown format, not verifiable: nobody can tell here."""

    VERIFIED = "verified"
    REFUSED = "refused"
    NO_KEY = "no key"
    UNKNOWN_FORMAT = "unknown format"
    NOT_VERIFIABLE = "not verifiable"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedSample:
    """A signed record as a message brought it.

    at          the sample's time by the station's clock; None: it could not be read
    moment      by the sample's OCPP context
    raw         the record exactly as sent, wrapped as ``encoding`` says
    method, encoding_method, public_key  as the station named them; empty: it did not
    """

    at: datetime | None
    moment: Moment
    format: SignedFormat
    encoding: Encoding
    raw: bytes
    method: str = ""
    encoding_method: str = ""
    public_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedReading:
    """One reading inside a signed record.

    energy_milliwh         of the register named ``register`` (OBIS), in milliwatt-hours
    resolution_milliwh     what its last written digit is worth
    unit                   as the record has it: Wh or kWh
    is_clock_set           the meter's clock was set; else ``at`` proves only the order
    problem                why its own meter does not stand by it; empty: it does
    """

    at: datetime
    moment: Moment
    energy_milliwh: int
    resolution_milliwh: int
    unit: str
    register: str
    is_clock_set: bool
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a record says of itself, verified or not.

    meter       serial number of what signed · pagination  the signer's own count of its records · identification  the
                driver's, as the meter was told
    readings    of energy that may be billed
    """

    meter: str = ""
    pagination: str = ""
    identification: str = ""
    readings: tuple[StatedReading, ...] = ()


NOTHING_STATED = Statement()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureVerdict:
    """What checking a record came to.

    reason        a sentence for a person
    key_id        of the key that verified it
    statement     what it states, whatever the verdict
    """

    verdict: Verdict
    reason: str
    key_id: int | None = None
    statement: Statement = NOTHING_STATED
