"""Why a part of a session cost what it did, in the words of the document's reader."""

from apps.invoices.domain.wording import WORDS
from apps.tariffs.domain.sentences import Language, describe_restrictions
from apps.tariffs.domain.terms import Dimension, Restrictions, TariffTerms


def describe_reason(terms: TariffTerms, *, element_index: int, dimension: Dimension, language: Language) -> str:
    """Say when the element that priced a part holds: ``22:00–06:00``, ``at all times``, or ``at other times``.

    The first element that matches wins, so one without restrictions holds only where none before it priced the same.
    """
    restrictions = terms.elements[element_index].restrictions
    is_rest = restrictions == Restrictions() and any(
        component.dimension is dimension
        for element in terms.elements[:element_index]
        for component in element.price_components
    )
    if is_rest:
        return WORDS[language].at_other_times
    return describe_restrictions(restrictions, language=language)
