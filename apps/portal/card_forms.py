"""The forms of cards, vehicles and cost centres: what may be chosen is the contract's customer's own."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.contracts.domain.tokens import normalise_uid
from apps.contracts.models import Contract, CostCentre, IdToken, Vehicle

_UID = IdToken._meta.get_field("uid")


class CardForm(forms.Form):
    """Who and what a card is for, and until when: ``last_day`` is a guest's, included."""

    driver = forms.CharField(label=_("Driver"), max_length=120, required=False)
    vehicle = forms.ModelChoiceField(Vehicle.objects.none(), label=_("Vehicle"), required=False)
    cost_centre = forms.ModelChoiceField(CostCentre.objects.none(), label=_("Cost centre"), required=False)
    last_day = forms.DateField(
        label=_("Last day, for a guest"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Empty: it charges as long as the contract does."),
    )

    def __init__(self, *args: Any, contract: Contract, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, model in (("vehicle", Vehicle), ("cost_centre", CostCentre)):
            field: Any = self.fields[name]
            field.queryset = model.objects.filter(customer=contract.customer_id)
            field.empty_label = _("None")
            field.error_messages["invalid_choice"] = _("Choose one of the list.")


class NumberForm(forms.Form):
    """The number of a new card."""

    uid = forms.CharField(
        label=_("Card number"),
        max_length=36,
        help_text=_("As it is printed on the card, or as a reader shows it."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )

    def clean_uid(self) -> str:
        uid = normalise_uid(self.cleaned_data["uid"].replace(":", "").replace(" ", ""))
        try:
            _UID.run_validators(uid)
        except forms.ValidationError as error:
            raise forms.ValidationError(_("A card number has letters and digits only.")) from error
        return uid


class NewCardForm(NumberForm, CardForm):
    """A card to add to a contract."""

    field_order = ["uid", "driver", "vehicle", "cost_centre", "last_day"]


class VehicleForm(forms.Form):
    plate = forms.CharField(label=_("Plate"), max_length=20)
    label = forms.CharField(label=_("What you call it"), max_length=80, required=False)


class CostCentreForm(forms.Form):
    code = forms.CharField(label=_("Code"), max_length=20, help_text=_("As your books call it, for example 4711."))
    name = forms.CharField(label=_("Name"), max_length=60, required=False)
    buyer_reference = forms.CharField(
        label=_("Your reference"), max_length=60, required=False, help_text=_("Printed beside its sum on invoices.")
    )
    purchase_order = forms.CharField(label=_("Your order"), max_length=60, required=False)
