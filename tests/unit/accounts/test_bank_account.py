import pytest
from django.core.exceptions import ValidationError

from apps.accounts.models import Organisation, validate_bic, validate_iban


class TestABankAccount:
    @pytest.mark.parametrize("iban", ["DE02120300000000202051", "de02 1203 0000 0000 2020 51", "NO93 8601 1117 947"])
    def test_is_taken_as_it_is_written_on_paper(self, iban):
        validate_iban(iban)

    @pytest.mark.parametrize("iban", ["DE03120300000000202051", "DE0212030000000020205", "XX02", "ABCDEFGH"])
    def test_is_refused_when_mistyped(self, iban):
        with pytest.raises(ValidationError, match="is no IBAN"):
            validate_iban(iban)

    def test_has_a_bic_of_the_right_form(self):
        validate_bic("BYLADEM1001")
        with pytest.raises(ValidationError, match="is no BIC"):
            validate_bic("BYLADEM10")

    def test_is_stored_without_spaces(self):
        organisation = Organisation(iban="de02 1203 0000 0000 2020 51", bic="byladem1001")

        organisation.clean()

        assert (organisation.iban, organisation.bic) == ("DE02120300000000202051", "BYLADEM1001")
