"""VAT identifiers by their countries' rules."""

import pytest

from apps.core.domain.vat_ids import NotAVatId, is_vat_id, valid_vat_id


@pytest.mark.parametrize(
    ("number", "country", "kept"),
    [
        ("DE136695976", "DE", "DE136695976"),
        ("de 136 695 976", "DE", "DE136695976"),
        ("136695976", "DE", "DE136695976"),
        ("U13585627", "AT", "ATU13585627"),
        ("EL 094259216", "GR", "EL094259216"),
        ("094259216", "GR", "EL094259216"),
        ("CHE-107.787.577 IVA", "CH", "CHE107787577IVA"),
        (" 12-345 ", "US", "12-345"),
    ],
)
def test_is_kept_as_documents_print_it(number, country, kept):
    assert valid_vat_id(number, country=country) == kept


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("DE136695977", "DE"),
        ("DE13669597", "DE"),
        ("ATU13585627", "DE"),
        ("AT-nonsense", "AT"),
        ("DE136695976", "AT"),
        ("GR094259216", "GR"),
        ("CHE-107.787.578", "CH"),
    ],
)
def test_of_another_country_or_with_a_wrong_digit_is_none(number, country):
    assert not is_vat_id(number, country=country)
    with pytest.raises(NotAVatId):
        valid_vat_id(number, country=country)
