"""The words of a printed document, per language. A new language is a new entry; every entry says everything."""

from collections.abc import Mapping
from typing import Final

from apps.invoices.domain.wording.dutch import DUTCH
from apps.invoices.domain.wording.english import ENGLISH
from apps.invoices.domain.wording.french import FRENCH
from apps.invoices.domain.wording.german import GERMAN
from apps.invoices.domain.wording.words import Words

__all__ = ["LEGAL_TEXTS", "WORDS", "Words", "legal_text"]

WORDS: Final[Mapping[str, Words]] = {"en": ENGLISH, "de": GERMAN, "fr": FRENCH, "nl": DUTCH}

# What a document must say where it charges no VAT, by ``core.domain.tax.TaxDecision.legal_text`` and language.
LEGAL_TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    # Directive 2006/112/EC, art. 226 (11a) prescribes the words "Reverse charge" in each language.
    "reverse_charge": {
        "en": "Reverse charge: the recipient owes the VAT.",
        "de": "Steuerschuldnerschaft des Leistungsempfängers.",
        "fr": "Autoliquidation : la TVA est due par le preneur.",
        "nl": "Btw verlegd: de btw is verschuldigd door de afnemer.",
    },
    "outside_scope": {
        "en": "Not subject to VAT: supplied outside the European Union.",
        "de": "Nicht steuerbar: Ort der Leistung außerhalb der Europäischen Union.",
        "fr": "Opération non soumise à la TVA : lieu de prestation hors de l'Union européenne.",
        "nl": "Niet aan btw onderworpen: plaats van levering buiten de Europese Unie.",
    },
}


def legal_text(key: str, *, language: str) -> str:
    """Return the sentence that a tax decision asks for, in the document's language; "" where it asks for none."""
    return LEGAL_TEXTS[key][language] if key else ""
