"""A register as columns of integers, cut and compared in C."""

from collections.abc import Iterator
from operator import sub

from apps.tariffs.domain.facts import Reading


class Columns:
    """Readings in their order: instants, registers, and by how much each exceeds the one before.

    ats, least_span              UTC epoch ms; the shortest ms between neighbours, 1 where there are none
    energies, rises, least_rise  milliwatt-hours; between neighbours; the smallest of these, 1 where there are none
    """

    __slots__ = ("ats", "energies", "least_rise", "least_span", "register", "rises")

    def __init__(self, register: tuple[Reading, ...]) -> None:
        self.register = register
        self.ats: tuple[int, ...] = ()
        self.energies: tuple[int, ...] = ()
        if register:
            self.ats, self.energies = zip(*register, strict=True)
        self.rises: list[int] = list(map(sub, self.energies[1:], self.energies))
        self.least_rise = min(self.rises, default=1)
        # Of the spans hardly more is ever asked, so they are not kept.
        self.least_span = min(self.spans(), default=1)

    def spans(self) -> Iterator[int]:
        """Return the ms between neighbours."""
        return map(sub, self.ats[1:], self.ats)


_last: Columns = Columns(())


def columns_of(register: tuple[Reading, ...]) -> Columns:
    """Return the columns of a register; of the one asked for last, the same object.

    A register is cleaned, then rated: its columns are cut once. Known by identity, which a tuple keeps.
    """
    global _last
    columns = _last
    if columns.register is not register:
        columns = _last = Columns(register)
    return columns
