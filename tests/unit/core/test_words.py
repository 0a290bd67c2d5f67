"""Percentages, colons and quotation marks as each language writes them."""

import pytest
from django.utils import translation

from apps.core import words


@pytest.mark.parametrize(
    ("language", "rate", "percent", "colon", "quoted"),
    [
        ("en", "15.54%", "80%", ": ", "“A”"),
        ("de", "15,54\xa0%", "80\xa0%", ": ", "„A“"),
        ("fr", "15,54\xa0%", "80\xa0%", "\xa0: ", "«\xa0A\xa0»"),
        ("nl", "15,54%", "80%", ": ", "‘A’"),
    ],
)
def test_signs_stand_as_the_language_writes_them(language, rate, percent, colon, quoted):
    with translation.override(language):
        said = (words.rate("0.1554"), words.percent(80), words.colon(), words.quoted("A"))

    assert said == (rate, percent, colon, quoted)


def test_a_whole_rate_has_no_needless_zeros():
    with translation.override("en"):
        assert [words.rate(rate) for rate in ("0.1900", "0.10", "1")] == ["19%", "10%", "100%"]
