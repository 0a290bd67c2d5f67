"""What somebody types of a document's number."""

import pytest

from apps.invoices.domain.numbers import Beginning, read_beginning


@pytest.mark.parametrize(
    ("text", "kind", "year", "sequences"),
    [
        ("inv", "invoice", None, None),
        ("REC-", "receipt", None, None),
        (" INV-2026 ", "invoice", 2026, None),
        ("CN-2026-", "credit_note", 2026, None),
        ("INV-2026-0001", "invoice", 2026, (100, 199)),
        ("INV-2026-000123", "invoice", 2026, (123, 123)),
        ("INV-2026-1000000", "invoice", 2026, (1_000_000, 1_000_000)),
    ],
)
def test_the_beginning_of_a_number_tells_kind_year_and_sequences(text, kind, year, sequences):
    assert read_beginning(text) == Beginning(kind, year, sequences)


@pytest.mark.parametrize("text", ["", "Elbkurier", "2026", "INV-20", "INV-2026-x", "INV2026", "INV-2026-0001-1"])
def test_what_no_number_begins_with_is_none(text):
    assert read_beginning(text) is None
