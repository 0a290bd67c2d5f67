"""Clean a session's meter register before anything is priced (TARIFFS.md "Splitting" 1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from apps.tariffs.domain.facts import Reading

__all__ = ["CleanRegister", "Reading", "RegisterProblem", "RegisterProblemCode", "clean_register"]

DAY_MS: Final = 86_400_000
ALLOWANCE_MILLIWH: Final = 100_000
"""100 Wh: what a coarse register and clocks in whole seconds may add to any two readings."""
STRONGEST_CONNECTOR_W: Final = 1_000_000
"""Where the connector's power is unknown, a begin of 0 is judged against this."""


class RegisterProblemCode(StrEnum):
    """Why a register is not billed by itself."""

    ROLLBACK = "rollback"
    JUMP = "jump"
    GAP = "gap"
    CONFLICT = "conflict"
    END_BELOW_BEGIN = "end_below_begin"
    BEGIN_NOT_REGISTER = "begin_not_register"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterProblem:
    """One reason for review, in words for an operator, with the readings it is about."""

    code: RegisterProblemCode
    message: str
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanRegister:
    """Readings ascending in time, one an instant; with problems the session goes to review instead of being billed."""

    readings: tuple[Reading, ...]
    problems: tuple[RegisterProblem, ...]


def clean_register(
    *,
    readings: Sequence[Reading],
    begin: Reading,
    end: Reading | None,
    max_power_w: int | None,
    max_gap_ms: int | None = DAY_MS,
) -> CleanRegister:
    """Sort, dedupe and check the readings of one session between its begin and end readings.

    Readings outside begin and end are dropped, since those two anchor the register.

    max_power_w  the connector's; None: unknown, so no reading is too high
    max_gap_ms   the longest stretch between two readings that energy may be spread over; None: any
    """
    raise NotImplementedError
