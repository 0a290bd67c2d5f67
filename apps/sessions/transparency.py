"""A session's signed meter values as people are shown them, and as the transparency software takes them."""

import base64
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from django.http import HttpResponse

from apps.sessions.domain.signed import Moment, SignatureVerdict, SignedFormat, Verdict
from apps.sessions.models import ChargingSession, SignatureCheck, SignedRecord
from apps.sessions.services.signing import as_verdict
from apps.stations.models import MeterKey
from apps.stations.selectors import meter_keys_at

_ORDER: Final = (Moment.BEGIN, Moment.OTHER, Moment.END)
_CONTEXTS: Final = {Moment.BEGIN: "Transaction.Begin", Moment.END: "Transaction.End"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedShown:
    """A record with what is thought of it; ``check`` None: nobody has looked at it yet."""

    record: SignedRecord
    check: SignatureCheck | None

    @property
    def verdict(self) -> str:
        return self.check.verdict if self.check else "not checked yet"

    @property
    def reason(self) -> str:
        return self.check.reason if self.check else ""

    @property
    def told(self) -> SignatureVerdict | None:
        """What the record states, verified or not."""
        return as_verdict(self.check) if self.check else None

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Which moments of the transaction it is of: as the record states, else as its message said."""
        stated = tuple(reading.moment for reading in self.told.statement.readings) if self.told else ()
        known = tuple(dict.fromkeys(moment for moment in stated if moment is not Moment.OTHER))
        return known or (Moment(self.record.moment),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedValues:
    """All of one session, never none.

    verdict  verified if every record is; else that of the first which is not
    """

    records: tuple[SignedShown, ...]

    @property
    def verdict(self) -> str:
        return next((one.verdict for one in self.records if not _is_verified(one)), Verdict.VERIFIED.value)

    @property
    def is_verified(self) -> bool:
        return all(map(_is_verified, self.records))

    @property
    def key(self) -> str:
        """Name the key that verified them; "" where not all are."""
        check = self.records[0].check
        return check.key.short_fingerprint if self.is_verified and check is not None and check.key is not None else ""


def _is_verified(shown: SignedShown) -> bool:
    return shown.verdict == Verdict.VERIFIED


def signed_values(session_id: int) -> SignedValues | None:
    """Return a session's signed values; None where its station sent none."""
    return signed_values_of([session_id]).get(session_id)


def signed_values_of(session_ids: Collection[int]) -> dict[int, SignedValues]:
    """Return the signed values of those of these sessions that have some, in two queries."""
    found: dict[int, list[SignedShown]] = {}
    records = SignedRecord.objects.filter(session_id__in=session_ids).order_by("session_id", "at", "pk")
    checks = SignatureCheck.objects.filter(record__session_id__in=session_ids).select_related("key").order_by("pk")
    latest = {check.record_id: check for check in checks}
    for record in records:
        found.setdefault(record.session_id, []).append(SignedShown(record=record, check=latest.get(record.pk)))
    return {session_id: SignedValues(records=tuple(sorted(shown, key=_in_time))) for session_id, shown in found.items()}


def _in_time(shown: SignedShown) -> tuple[datetime, int]:
    """Order records by their time; one message may tell begin and end as of one instant."""
    return shown.record.at, _ORDER.index(shown.moments[0])


def as_container(session: ChargingSession, values: SignedValues) -> bytes:
    """Write the XML that the transparency software of S.A.F.E. e. V. opens: each record as it came, with its key."""
    written = "".join(_value(session, shown) for shown in values.records)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<values>\n{written}</values>\n'.encode()


def container_response(session: ChargingSession, values: SignedValues) -> HttpResponse:
    """Return the container as a file that no cache but the person's own may keep."""
    response = HttpResponse(as_container(session, values), content_type="text/xml; charset=utf-8")
    return _as_file(response, f"signed-meter-values-{session.uid}.xml")


def record_response(record: SignedRecord) -> HttpResponse:
    """Return one record as it came, bit for bit."""
    response = HttpResponse(bytes(record.raw), content_type="application/octet-stream")
    return _as_file(response, f"signed-meter-value-{record.sha256[:12]}.txt")


def _as_file(response: HttpResponse, name: str) -> HttpResponse:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response


def _value(session: ChargingSession, shown: SignedShown) -> str:
    record, moments = shown.record, shown.moments
    context = _CONTEXTS.get(moments[0]) if len(moments) == 1 else None
    attributes = f" transactionId={quoteattr(str(session.transaction_id))}"
    attributes += f" context={quoteattr(context)}" if context else ""
    form = record.format if record.format != SignedFormat.UNKNOWN else record.encoding_method or record.format
    encoding, text = _embedded(record)
    lines = [f"    <signedData format={quoteattr(form)} encoding={quoteattr(encoding)}>{escape(text)}</signedData>\n"]
    key = _key(session, shown)
    if key is not None:
        lines.append(f'    <publicKey encoding="plain">{key.public_key}</publicKey>\n')
    return f"  <value{attributes}>\n{''.join(lines)}  </value>\n"


def _embedded(record: SignedRecord) -> tuple[str, str]:
    """Return how the record stands in XML, which would change its line ends and refuses control characters."""
    raw = bytes(record.raw)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = "\0"
    return (record.encoding, text) if text.isprintable() else ("base64", base64.b64encode(raw).decode())


def _key(session: ChargingSession, shown: SignedShown) -> MeterKey | None:
    """Return the key that verified the record, else the one that should have."""
    if shown.check is not None and shown.check.key is not None:
        return shown.check.key
    return meter_keys_at(station_id=session.station_id, evse_id=session.evse_id, at=shown.record.at).first()
