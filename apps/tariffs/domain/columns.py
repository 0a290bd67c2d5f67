"""A register as columns of integers, cut and compared in C."""

from operator import sub

from apps.tariffs.domain.facts import Reading


class Columns:
    """Readings in their order: instants, registers, and by how much each exceeds the one before.

    ats, spans       UTC epoch ms; ms between neighbours
    energies, rises  milliwatt-hours; between neighbours
    """

    __slots__ = ("ats", "energies", "register", "rises", "spans")

    def __init__(self, register: tuple[Reading, ...]) -> None:
        self.register = register
        self.ats: tuple[int, ...] = ()
        self.energies: tuple[int, ...] = ()
        if register:
            self.ats, self.energies = zip(*register, strict=True)
        self.spans: list[int] = list(map(sub, self.ats[1:], self.ats))
        self.rises: list[int] = list(map(sub, self.energies[1:], self.energies))


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
