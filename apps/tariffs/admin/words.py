"""A tariff in words for its owner: each element in a sentence, and what holds for all of them."""

from collections.abc import Iterator, Mapping
from typing import Final

from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from apps.tariffs.admin.fields import minutes_text
from apps.tariffs.domain.price_text import LineKind, price_text
from apps.tariffs.domain.sentences import describe_element
from apps.tariffs.domain.terms import SETTLE_AFTER_S, TariffTerms
from apps.tariffs.models import TariffVersion
from apps.tariffs.selectors import terms_of

_NAMES: Final = {
    LineKind.IDLE_RULES: "Idle rules",
    LineKind.LIMITS: "Limits",
    LineKind.ZERO_ENERGY: "Without energy",
}
_MOST_DAYS: Final = 6


def sentences(terms: TariffTerms | None) -> list[str]:
    """Return each element in one sentence."""
    if terms is None:
        return []
    return [
        describe_element(
            element,
            currency=terms.currency,
            tax_included=terms.tax_included,
            max_idle_amount=terms.idle.max_amount,
        )
        for element in terms.elements
    ]


def rules(terms: TariffTerms | None) -> list[tuple[str, str]]:
    """Return what holds for the whole tariff beside its elements, as (name, words)."""
    return [] if terms is None else list(_rules(terms))


def _rules(terms: TariffTerms) -> Iterator[tuple[str, str]]:
    for line in price_text(terms, language="en").lines:
        if line.kind in _NAMES:
            yield _NAMES[line.kind], line.text
    if terms.holidays:
        days = ", ".join(day.isoformat() for day in terms.holidays[:_MOST_DAYS])
        more = f" and {len(terms.holidays) - _MOST_DAYS} more" if len(terms.holidays) > _MOST_DAYS else ""
        yield "Public holidays", days + more
    if terms.settle_after_s != SETTLE_AFTER_S:
        yield "Silent station", f"settled after {minutes_text(terms.settle_after_s)} min"


def notes(texts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what the driver is told besides the prices, as (name, words)."""
    return [(f"Note ({language})", text) for language, text in sorted(texts.items())]


def in_words(version: TariffVersion) -> SafeString:
    """Return a version's sentences, a line each, for a list's cell."""
    said = sentences(terms_of(version))
    return format_html_join(mark_safe("<br>"), "{}", ((each,) for each in said)) or mark_safe("no prices yet")
