"""Make tariff terms from OCPI 2.2.1-shaped JSON; the one gate, which refuses by name what it does not price."""

from collections.abc import Mapping
from dataclasses import dataclass

from apps.tariffs.domain.terms import TariffTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a tariff document: where (``elements[2].restrictions.min_kwh``) and what."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class TariffError(ValueError):
    """The document is no tariff we price; all its problems at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(map(str, problems)))


def parse_tariff(document: Mapping[str, object]) -> TariffTerms:
    """Check a tariff document and return its terms.

    :raises TariffError: with every problem found
    """
    raise NotImplementedError
