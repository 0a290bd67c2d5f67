"""Why a payment failed, in words."""

import pytest

from apps.payments.domain.failures import DECLINED, NOT_MADE, Failure, in_words


class TestWords:
    @pytest.mark.parametrize(
        ("code", "advice", "words"),
        [
            ("insufficient_funds", "try_again_later", "There were not enough funds."),
            ("expired_card", "", "The card has expired. Please save another card."),
            (
                "generic_decline",
                "do_not_try_again",
                "The bank declined the card and asks not to try it again. Please save another card.",
            ),
            ("generic_decline", "", DECLINED),
            ("do_not_honor", "", DECLINED),
            ("resource_missing", "", NOT_MADE),
            ("", "", NOT_MADE),
        ],
    )
    def test_tell_the_customer_what_to_do(self, code, advice, words):
        assert in_words(Failure(code=code, advice=advice)) == words

    @pytest.mark.parametrize("code", ["lost_card", "stolen_card", "pickup_card"])
    def test_never_say_that_a_card_is_reported_stolen(self, code):
        words = in_words(Failure(code=code))

        assert "stolen" not in words.lower()
        assert "lost" not in words.lower()
