"""The words of a contract's document and of the mails about it, per language. Every entry says everything."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

from babel.dates import format_date

from apps.contracts.domain.contract_words.dutch import DUTCH
from apps.contracts.domain.contract_words.english import ENGLISH
from apps.contracts.domain.contract_words.french import FRENCH
from apps.contracts.domain.contract_words.german import GERMAN
from apps.contracts.domain.contract_words.words import ContractWords
from apps.contracts.domain.renewals import Term

__all__ = ["WORDS", "ContractWords", "say_day", "say_term"]

WORDS: Final[Mapping[str, ContractWords]] = MappingProxyType({"en": ENGLISH, "de": GERMAN, "fr": FRENCH, "nl": DUTCH})


def say_day(day: date, *, language: str) -> str:
    """Write a day: ``01 Jan 2027``, ``01.01.2027``, ``1 janvier 2027``, ``1 januari 2027``."""
    return format_date(day, format=WORDS[language].day, locale=language)


def say_term(term: Term, *, last: date | None, language: str) -> str:
    """Say how long it runs and how it is renewed; last: the last day of the term, None: it has none."""
    words = WORDS[language]
    if last is None:
        return words.term_open.format(notice=term.notice_days)
    told = say_day(last, language=language)
    if term.renews_months == 0:
        return words.term_ends.format(last=told)
    return words.term_renews.format(last=told, months=term.renews_months, notice=term.notice_days)
