"""What a vehicle draws now, as far as its meter tells: not all stations report power, but all report their register."""

from collections.abc import Sequence
from typing import Final

from apps.tariffs.domain.facts import Measured, Reading

FRESH_MS: Final = 15 * 60 * 1000
"""A meter that has said nothing for so long tells nothing of now."""
_MILLIWH_PER_MS_IN_W: Final = 3_600


def power_w(*, readings: Sequence[Reading], measured: Sequence[Measured], now_ms: int) -> int | None:
    """Return the power in watts: what was measured last, or the mean between the last two readings.

    readings  ascending in time · measured: mW, ascending · None: the meter said nothing, or not lately
    """
    known = measured[-1] if measured else None
    if known and known.value is not None and (not readings or known.at_ms >= readings[-1].at_ms):
        return known.value // 1000 if now_ms - known.at_ms <= FRESH_MS else None
    if not readings or now_ms - readings[-1].at_ms > FRESH_MS:
        return None
    last = readings[-1]
    before = next((one for one in reversed(readings) if one.at_ms < last.at_ms), None)
    if before is None or last.energy_milliwh < before.energy_milliwh:
        return None
    return (last.energy_milliwh - before.energy_milliwh) * _MILLIWH_PER_MS_IN_W // (last.at_ms - before.at_ms)
