"""What a driver may type: to whom a full invoice goes, and where a mail goes."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django_countries import countries

from apps.core.domain.vat_ids import NotAVatId, valid_vat_id
from apps.invoices.dispute_form import DisputeForm
from apps.invoices.domain.receipts import Buyer
from apps.payments.domain.finding import Wanted

_AMOUNT: Final = re.compile(r"[0-9]{1,8}(\.[0-9]{1,3})?")


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
            except NotAVatId:
                self.add_error("vat_id", _("This is no VAT ID of that country."))
        return cleaned

    def buyer(self) -> Buyer:
        fields = ("name", "street", "postcode", "city", "country", "vat_id")
        return Buyer(**{field: self.cleaned_data[field] for field in fields})


class MailForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address"), max_length=254)


class ChargeDisputeForm(DisputeForm):
    """What is wrong with a charge; which line is asked for only where the document has several that may be disputed.

    lines  (position, words) of each
    """

    email = forms.EmailField(label=_("E-mail address for the answer"), max_length=254)

    def __init__(self, data: Any = None, *, lines: Sequence[tuple[int, str]]) -> None:
        super().__init__(data)
        self.only_part = lines[0][0] if len(lines) == 1 else None
        if self.only_part is None:
            self.fields["part"] = forms.TypedChoiceField(label=_("With what?"), coerce=int, choices=lines)
            self.order_fields(["part"])
        if not settings.SENDS_MAILS:
            del self.fields["email"]

    @property
    def position(self) -> int:
        return self.only_part or int(self.cleaned_data["part"])


class FindForm(forms.Form):
    """What the owner of a card knows of its charge; the amount is written with a comma or a point."""

    card_last4 = forms.RegexField(
        r"^[0-9]{4}\Z",
        label=_("Last four digits of the card"),
        error_messages={"invalid": _("Four digits, please: the last ones on your card.")},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "maxlength": 4}),
    )
    amount = forms.CharField(
        label=_("Amount on your bank statement"),
        max_length=12,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    day = forms.DateField(
        label=_("Day of the charge"),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": _("This is no day.")},
    )
    place = forms.CharField(label=_("Place: town, postcode or the code on the sticker"), max_length=200, required=False)

    def __init__(self, data: Any = None, *, asks_place: bool) -> None:
        super().__init__(data)
        if not asks_place:
            del self.fields["place"]

    def clean_amount(self) -> Decimal:
        written = self.cleaned_data["amount"].strip().replace(",", ".")
        if not _AMOUNT.fullmatch(written):
            raise forms.ValidationError(_("An amount such as 12.34, please."))
        return Decimal(written)

    def wanted(self) -> Wanted:
        return Wanted(**self.cleaned_data)


class CompanyForm(BuyerForm):
    """The address is asked for only where mails are sent."""

    email = forms.EmailField(label=_("E-mail address (optional)"), max_length=254, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not settings.SENDS_MAILS:
            del self.fields["email"]
