"""The clock, read at the edges only and handed down from there."""

from datetime import UTC, datetime

from django.utils import timezone


def now() -> datetime:
    """Return the present instant, aware, UTC."""
    return timezone.now()


def from_epoch_ms(at_ms: int) -> datetime:
    """Return the instant of ``at_ms`` (UTC epoch milliseconds), exact."""
    seconds, milliseconds = divmod(at_ms, 1000)
    return datetime.fromtimestamp(seconds, tz=UTC).replace(microsecond=milliseconds * 1000)


def to_epoch_ms(at: datetime) -> int:
    """Return ``at`` (aware) as UTC epoch milliseconds, the rest of a millisecond cut off."""
    delta = at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000
