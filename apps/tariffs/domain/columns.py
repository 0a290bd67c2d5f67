"""A register as two columns of integers, compared in C."""

from collections.abc import Sequence
from operator import le, lt, sub

from apps.tariffs.domain.facts import Reading


def columns_of(register: Sequence[Reading]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the instants (UTC epoch ms) and the milliwatt-hours of readings, in their order."""
    if not register:
        return (), ()
    ats, energies = zip(*register, strict=True)
    return ats, energies


def ascends(numbers: Sequence[int]) -> bool:
    """Tell whether each number is above the one before."""
    return all(map(lt, numbers, numbers[1:]))


def never_falls(numbers: Sequence[int]) -> bool:
    """Tell whether no number is below the one before."""
    return all(map(le, numbers, numbers[1:]))


def steps_of(numbers: Sequence[int]) -> list[int]:
    """Return by how much each number is above the one before."""
    return list(map(sub, numbers[1:], numbers))
