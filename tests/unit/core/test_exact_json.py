"""Amounts on their way through JSON."""

import json
from decimal import Decimal

import pytest

from apps.core.domain.exact_json import ExactDecoder, ExactEncoder, dump_exact


class TestDumpExact:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (Decimal("4.20"), "4.20"),
            (Decimal("1E+3"), "1000"),
            (Decimal("0.000001"), "0.000001"),
            (12345678901234567890, "12345678901234567890"),
            ({"a": [1, None, True, "ü"], "b": {}}, '{"a":[1,null,true,"\\u00fc"],"b":{}}'),
            ('say "no"', '"say \\"no\\""'),
        ],
    )
    def test_writes_numbers_as_they_are_and_ascii(self, value, text):
        assert dump_exact(value) == text
        assert json.loads(text, parse_float=Decimal) == value

    @pytest.mark.parametrize("text", ["1E+999999999999", "-1E-999999999999", "1E+60", "1E-61"])
    def test_writes_a_number_that_no_column_holds_as_text(self, text):
        assert dump_exact({"n": Decimal(text)}) == f'{{"n":"{text}"}}'

    def test_refuses_what_is_no_number(self):
        with pytest.raises(AssertionError):
            dump_exact([Decimal("NaN")])


class TestAColumn:
    def test_gives_an_amount_back_to_the_digit(self):
        amount = Decimal("1234567890123.123456789")

        text = json.dumps({"totalCost": amount}, cls=ExactEncoder)

        assert json.loads(text, cls=ExactDecoder) == {"totalCost": amount}
