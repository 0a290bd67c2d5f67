"""What customers are written about their payments."""

import re

import pytest

from apps.payments.domain import collecting_words, letters

DEBIT = {
    "amount": "119,00 €",
    "day": "12. Dezember 2026",
    "number": "INV-1",
    "account": "DE•• 3000",
    "mandate": "ABC123",
}
LANGUAGES = ("en", "de", "fr", "nl")


class TestTheAnnouncement:
    def test_says_amount_day_account_and_mandate_in_the_customers_language(self):
        letter = letters.debit_announced("de", **DEBIT)

        assert letter.subject == "Lastschrift über 119,00 € am 12. Dezember 2026"
        assert "Rechnung INV-1 am 12. Dezember 2026 von Ihrem Konto DE•• 3000" in letter.body
        assert "Mandatsreferenz: ABC123" in letter.body

    def test_says_the_same_in_every_language(self):
        told = {language: letters.debit_announced(language, **DEBIT) for language in LANGUAGES}

        assert len({letter.subject for letter in told.values()}) == 4
        assert all(fact in letter.subject + letter.body for letter in told.values() for fact in DEBIT.values())

    def test_takes_braces_in_what_it_tells_for_what_they_are(self):
        assert "{0.x}" in letters.debit_announced("en", **(DEBIT | {"number": "{0.x}"})).body


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("why", ["revoked", "removed"])
def test_an_ended_method_leads_to_the_page_to_save_another(language, why):
    letter = letters.method_ended(language, method="Visa •••• 4242", why=why, address="https://x/portal/")

    assert letter.subject.startswith("Visa •••• 4242 ")
    assert letter.body.endswith("https://x/portal/")


@pytest.mark.parametrize(
    "words", [collecting_words.CONFIRM, collecting_words.ENDED, collecting_words.EXPIRES, collecting_words.REFUSED]
)
def test_letters_name_the_same_facts_in_every_language(words):
    named = {language: sorted(set(re.findall(r"\{(\w+)\}", " ".join(said)))) for language, said in words.items()}

    assert list(named) == list(LANGUAGES)
    assert len({tuple(facts) for facts in named.values()}) == 1, named
