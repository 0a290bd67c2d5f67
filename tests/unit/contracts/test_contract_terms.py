import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.contracts.domain.contract_terms import PLACEHOLDERS, Paragraph, fill, paragraphs, problems_of

ALONE = "A brace stands alone: placeholders are written {customer}."
VALUES = {name: f"<{name}>" for name in PLACEHOLDERS}


class TestProblemsOf:
    def test_finds_none_where_every_placeholder_is_of_the_list(self):
        assert problems_of("# Parties\n" + " ".join(f"{{{name}}}" for name in PLACEHOLDERS)) == ()

    @pytest.mark.parametrize(
        ("text", "problems"),
        [
            ("Dear {cutsomer}", ("{cutsomer} is no placeholder.",)),
            (
                "{{ customer }}",
                ("{ customer } is no placeholder.", "A brace stands alone: placeholders are written {customer}."),
            ),
            ("{% if x %}", ("{% if x %} is no placeholder.",)),
            ("{customer.seller.iban}", ("{customer.seller.iban} is no placeholder.",)),
            ("{customer!r} {0}", ("{customer!r} is no placeholder.", "{0} is no placeholder.")),
            ("from { on", (ALONE,)),
            ("}", (ALONE,)),
            (" \n ", ("Write the terms.",)),
        ],
    )
    def test_names_what_cannot_be_filled_in(self, text, problems):
        assert problems_of(text) == problems


class TestFill:
    def test_replaces_in_one_pass_so_that_a_value_is_no_program(self):
        values = VALUES | {"customer": "{seller} {% x %}", "seller": "S"}

        assert fill("{customer} and {seller}", values) == "{seller} {% x %} and S"

    @given(st.text())
    def test_needs_no_value_beyond_the_list_for_any_text_that_was_accepted(self, text):
        if problems_of(text) == ():
            fill(text, VALUES)


class TestParagraphs:
    def test_parts_headings_and_paragraphs(self):
        text = "# Parties\nA\nB\n\n\n  C \n# Price\r\nD"

        assert paragraphs(text) == (
            Paragraph(text="Parties", is_heading=True),
            Paragraph(text="A\nB"),
            Paragraph(text="C"),
            Paragraph(text="Price", is_heading=True),
            Paragraph(text="D"),
        )
