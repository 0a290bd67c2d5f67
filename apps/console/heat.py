"""Home's heat map: a week's hours, shaded by how much of a period fell on them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from apps.analytics.figures import Figures
from apps.console.charts import level
from apps.core.words import amount, kwh

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOUR_MS: Final = 3_600_000
_KWH: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """An hour of a weekday. text: as short as a cell · words: the same with its unit."""

    hour: int
    shade: int
    text: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """rows: each weekday's name and hours · choices: (name in the address, label, whether it is shown)."""

    choices: Sequence[tuple[str, str, bool]]
    rows: Sequence[tuple[str, Sequence[Cell]]]


def heat_of(
    found: Mapping[tuple[int, int], Figures],
    *,
    asked: str,
    currencies: Iterable[str],
    utilisation: Callable[[int, int, int], str],
) -> Heat:
    """Shade the hours by what the address asks for: utilisation, ``energy``, or the revenue in a currency.

    found        by (ISO weekday, hour) · currencies: those of the period
    utilisation  writes milliseconds in use at a weekday and hour as a share
    """
    labels = {"used": "Utilisation", "energy": "Energy"}
    money = sorted(currencies)
    labels |= {f"net-{currency}": "Revenue" if len(money) == 1 else f"Revenue ({currency})" for currency in money}
    shown = asked if asked in labels else "used"
    currency = shown.removeprefix("net-")

    def size(sums: Figures) -> int:
        if shown == "used":
            return sums.in_use_ms
        # Cents are enough to shade by, and a cell says the rest.
        return sums.energy_milliwh if shown == "energy" else int(sums.net.get(currency, Decimal(0)) * 100)

    most = max((size(sums) for sums in found.values()), default=0)

    def cell(weekday: int, hour: int) -> Cell:
        sums = found.get((weekday, hour), Figures())
        if shown == "used":
            words = utilisation(sums.in_use_ms, weekday, hour)
            text = words.removesuffix(" %")
        elif shown == "energy":
            words, text = kwh(sums.energy_milliwh), f"{Decimal(sums.energy_milliwh) / _KWH:.0f}"
        else:
            net = sums.net.get(currency, Decimal(0))
            words, text = amount(net, currency), f"{net:.0f}"
        return Cell(hour=hour, shade=level(size(sums), most), text=text, words=words)

    return Heat(
        choices=[(name, label, name == shown) for name, label in labels.items()],
        rows=[(name, [cell(day, hour) for hour in range(24)]) for day, name in enumerate(WEEKDAYS, start=1)],
    )


def heat_rows(found: Mapping[tuple[int, int], Figures]) -> Iterator[Sequence[str]]:
    """Yield all of it for a file; an hour of two currencies is two lines, with the same energy on both."""
    yield ("weekday", "hour", "sessions", "energy_kwh", "in_use_hours", "currency", "net")
    for (weekday, hour), sums in sorted(found.items()):
        energy = f"{Decimal(sums.energy_milliwh).scaleb(-6):.3f}"
        used = f"{Decimal(sums.in_use_ms) / _HOUR_MS:.2f}"
        for currency, net in sorted(sums.net.items()):
            yield (WEEKDAYS[weekday - 1], str(hour), str(sums.sessions), energy, used, currency, f"{net:f}")
