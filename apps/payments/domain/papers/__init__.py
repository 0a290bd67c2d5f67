"""The words of printed papers about payments, per language. A new language is a new entry; each says everything."""

from collections.abc import Mapping
from typing import Final

from apps.payments.domain.papers.dutch import DUTCH
from apps.payments.domain.papers.english import ENGLISH
from apps.payments.domain.papers.french import FRENCH
from apps.payments.domain.papers.german import GERMAN
from apps.payments.domain.papers.words import PaperWords

__all__ = ["PAPER_WORDS", "PaperWords"]

PAPER_WORDS: Final[Mapping[str, PaperWords]] = {"en": ENGLISH, "de": GERMAN, "fr": FRENCH, "nl": DUTCH}
