import pytest

from apps.contracts.domain.electronic import SCHEMES, InvoiceFormat, is_address


class TestSchemes:
    @pytest.mark.parametrize("code", SCHEMES)
    def test_give_an_example_that_they_take(self, code):
        assert is_address(SCHEMES[code].example, scheme=code)

    @pytest.mark.parametrize(
        ("scheme", "address"),
        [
            ("EM", "office at fleet.example"),
            ("0204", "04011000-1234512345-07"),
            ("0204", "04011000"),
            ("0088", "4000001000006"),
            ("9930", "123456788"),
            ("9999", "anything"),
            ("", "office@fleet.example"),
        ],
    )
    def test_refuse_what_has_another_form_or_wrong_check_digits(self, scheme, address):
        assert not is_address(address, scheme=scheme)


class TestInvoiceFormat:
    def test_is_optional_only_inside_the_pdf(self):
        assert [one for one in InvoiceFormat if not one.must_be_electronic] == [InvoiceFormat.FACTURX]

    def test_fits_into_its_column(self):
        assert all(len(one) <= 14 for one in InvoiceFormat)
