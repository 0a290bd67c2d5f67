"""What a driver may type: to whom a full invoice goes, and where a mail goes."""

from typing import Any, Final

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django_countries import countries
from stdnum import get_cc_module
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError as NumberError

from apps.invoices.domain.receipts import Buyer

_VAT_CALLED: Final = {"GR": "EL"}
"""Greece's VAT identifiers do not begin with its country code."""


class BuyerForm(forms.Form):
    """Name and address as a full invoice states them; the VAT identifier is checked by its country's rule."""

    name = forms.CharField(label=_("Company"), max_length=200)
    street = forms.CharField(label=_("Street and number"), max_length=200)
    postcode = forms.CharField(label=_("Postcode"), max_length=20)
    city = forms.CharField(label=_("City"), max_length=100)
    country = forms.ChoiceField(label=_("Country"), choices=lambda: list(countries))
    vat_id = forms.CharField(label=_("VAT ID (if you have one)"), max_length=20, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        number, country = cleaned.get("vat_id"), cleaned.get("country")
        if number and country:
            try:
                cleaned["vat_id"] = valid_vat_id(number, country=country)
            except NumberError:
                self.add_error("vat_id", _("This is no VAT ID of that country."))
        return cleaned

    def buyer(self) -> Buyer:
        fields = ("name", "street", "postcode", "city", "country", "vat_id")
        return Buyer(**{field: self.cleaned_data[field] for field in fields})


class MailForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address"), max_length=254)


class CompanyForm(BuyerForm):
    """The address is asked for only where mails are sent."""

    email = forms.EmailField(label=_("E-mail address (optional)"), max_length=254, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not settings.SENDS_MAILS:
            del self.fields["email"]


def valid_vat_id(number: str, *, country: str) -> str:
    """Return a VAT identifier with its country's letters, without spaces.

    country  ISO 3166-1 alpha-2, of the company

    :raises NumberError: it is none of that country, by form or check digits; whether it is in use nobody is asked
    """
    prefix = _VAT_CALLED.get(country, country)
    if prefix.lower() in eu_vat.MEMBER_STATES:
        compact = number.replace(" ", "").upper()
        valid: str = eu_vat.validate(compact if compact.startswith(prefix) else prefix + compact)
        return valid
    module = get_cc_module(country.lower(), "vat")
    return str(module.validate(number)) if module else number.strip()
