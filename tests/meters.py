"""The simulator's meter that signs, and a record that somebody has changed since."""

from apps.ocpp.simulator.signing import SigningMeter, reading

__all__ = ["SigningMeter", "reading", "tampered"]


def tampered(record: str, *, old: str, new: str) -> str:
    """Return a record whose payload says something else than what was signed."""
    assert old in record
    return record.replace(old, new)
