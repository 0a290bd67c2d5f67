"""What customers are written about their payments."""

import pytest

from apps.payments.domain import letters

DEBIT = {
    "amount": "119,00 €",
    "day": "12. Dezember 2026",
    "number": "INV-1",
    "account": "DE•• 3000",
    "mandate": "ABC123",
}


class TestTheAnnouncement:
    def test_says_amount_day_account_and_mandate_in_the_customers_language(self):
        letter = letters.debit_announced("de", **DEBIT)

        assert letter.subject == "Lastschrift über 119,00 € am 12. Dezember 2026"
        assert "Rechnung INV-1 am 12. Dezember 2026 von Ihrem Konto DE•• 3000" in letter.body
        assert "Mandatsreferenz: ABC123" in letter.body

    def test_is_english_for_a_language_that_nobody_wrote(self):
        assert letters.debit_announced("fr", **DEBIT) == letters.debit_announced("en", **DEBIT)

    def test_takes_braces_in_what_it_tells_for_what_they_are(self):
        assert "{0.x}" in letters.debit_announced("en", **(DEBIT | {"number": "{0.x}"})).body


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("why", ["revoked", "removed"])
def test_an_ended_method_leads_to_the_page_to_save_another(language, why):
    letter = letters.method_ended(language, method="Visa •••• 4242", why=why, address="https://x/portal/")

    assert letter.subject.startswith("Visa •••• 4242 ")
    assert letter.body.endswith("https://x/portal/")
