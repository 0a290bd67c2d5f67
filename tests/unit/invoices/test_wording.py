import pytest

from apps.core.domain.tax import Treatment
from apps.invoices.domain.wording import LEGAL_TEXTS, legal_text


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
