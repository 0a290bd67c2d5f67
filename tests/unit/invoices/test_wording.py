from dataclasses import fields
from string import Formatter

import pytest

from apps.contracts.models import Customer
from apps.core.domain.tax import Treatment
from apps.invoices.domain import plan_words
from apps.invoices.domain.wording import LEGAL_TEXTS, WORDS, Words, legal_text


class TestLegalText:
    def test_is_there_for_every_treatment_without_vat_in_every_language(self):
        assert LEGAL_TEXTS.keys() == set(Treatment) - {Treatment.STANDARD}
        assert all(texts.keys() == {"en", "de", "fr", "nl"} for texts in LEGAL_TEXTS.values())

    def test_is_none_where_vat_is_charged(self):
        assert legal_text("", language="de") == ""

    @pytest.mark.parametrize(
        ("language", "says"),
        [
            ("en", "Reverse charge"),
            ("de", "Steuerschuldnerschaft des Leistungsempfängers"),
            ("fr", "Autoliquidation"),
            ("nl", "Btw verlegd"),
        ],
    )
    def test_holds_the_words_that_the_directive_prescribes(self, language, says):
        assert says in legal_text("reverse_charge", language=language)

    def test_fits_into_its_column(self):
        assert all(len(text) <= 200 for texts in LEGAL_TEXTS.values() for text in texts.values())


class TestWords:
    def test_are_there_in_every_language_that_a_customer_may_choose(self):
        assert {code for code, _ in Customer._meta.get_field("language").choices} == WORDS.keys()

    @pytest.mark.parametrize("language", WORDS)
    def test_say_everything_and_ask_for_the_same_facts(self, language):
        for field in fields(Words):
            said, english = getattr(WORDS[language], field.name), getattr(WORDS["en"], field.name)
            if isinstance(said, str):
                assert said
                assert _facts(said) == _facts(english), field.name
            else:
                assert said.keys() == english.keys()

    def test_of_plans_are_there_in_the_same_languages(self):
        assert plan_words._WORDS.keys() == WORDS.keys()


def _facts(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}
