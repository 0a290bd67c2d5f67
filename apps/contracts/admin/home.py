"""Charging at home in the console: agreements with fleets, their drivers, and whose wallbox is where."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from stdnum import iban as ibans
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounts.domain.roles import MASTER_DATA_ROLES
from apps.accounts.models import validate_iban
from apps.accounts.tenant_admin import RelatedOnlyFieldListFilter, TenantAdmin, TenantForm, TenantTabular
from apps.contracts.admin.day_rows import DayRowsFormSet
from apps.contracts.models import HomeAgreement, HomeCharger, HomeDriver
from apps.core.words import amount


class AgreementForm(TenantForm):
    """Knows the seller's currency before the fee is checked against it."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        contract = cleaned.get("contract") or (self.instance.contract if self.instance.contract_id else None)
        if contract is not None:
            self.instance.currency = contract.seller.currency
            tariff = cleaned.get("tariff")
            if tariff is not None and tariff.owner_id != contract.seller_id:
                self.add_error("tariff", "This tariff belongs to another seller.")
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        return super()._get_validation_exclusions() - {"currency"}


class DriverInline(TenantTabular):
    model = HomeDriver
    fields = ("name", "email", "payroll_number")
    readonly_fields = fields
    show_change_link = True


@admin.register(HomeAgreement)
class HomeAgreementAdmin(TenantAdmin):
    change_roles = MASTER_DATA_ROLES
    form = AgreementForm
    refusals = {
        "home_fee_is_not_negative": "A fee is nothing or more.",
        "home_fee_is_rounded": "The currency has no such small amounts.",
    }
    empty_hint = (
        "A fleet whose drivers charge at home: choose its contract and a tariff that says what a kWh is worth to them, "
        "then add the drivers with their wallboxes. What they charge is paid back to them and charged to the fleet."
    )
    list_display = ("contract", "tariff", "paid_by", "costs")
    list_select_related = ("contract__customer", "tariff")
    search_fields = ("contract__number", "contract__customer__name")
    autocomplete_fields = ("contract", "tariff")
    fields = ("contract", "tariff", ("paid_by", "fee"))
    inlines = (DriverInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("contract",)

    @admin.display(description="our fee", ordering="fee")
    def costs(self, agreement: HomeAgreement) -> str:
        return f"{amount(agreement.fee, agreement.currency)} a driver and month" if agreement.fee else "none"


class DriverForm(TenantForm):
    """Shows a stored account masked: who sees the page can replace it, not copy it."""

    iban = forms.CharField(
        label="IBAN", max_length=42, required=False, widget=UnfoldAdminTextInputWidget, validators=[validate_iban]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "iban" in self.fields and self.instance.pk and self.instance.iban:
            self.initial["iban"] = ""
            self.fields["iban"].help_text = f"{self.instance.masked_iban} is stored. Type another to replace it."

    def clean_iban(self) -> str:
        typed = ibans.compact(self.cleaned_data["iban"])
        return typed or (self.instance.iban if self.instance.pk else "")


class ChargerFormSet(DayRowsFormSet):
    apart = ("station",)


class ChargerInline(TenantTabular):
    model = HomeCharger
    formset = ChargerFormSet
    change_roles = MASTER_DATA_ROLES
    deletable = True
    fields = ("station", "first_day", "end_day")
    autocomplete_fields = ("station",)
    verbose_name = "wallbox"
    verbose_name_plural = "wallboxes: which of your stations is at their home, and from when on"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Sessions name the wallbox; an end says when it went.
        return False


@admin.register(HomeDriver)
class HomeDriverAdmin(TenantAdmin):
    change_roles = MASTER_DATA_ROLES
    form = DriverForm
    refusals = {
        "home_driver_named_once": "This fleet already has a driver of this name.",
        "home_driver_iban_is_compact": "This is no IBAN.",
    }
    empty_hint = (
        "Drivers are paid back what they charge at home. Add the fleet's agreement first, then its drivers, each with "
        "an account or a payroll number and the wallbox at their home."
    )
    list_display = ("name", "agreement", "account", "payroll_number")
    list_filter = (("agreement", RelatedOnlyFieldListFilter),)
    list_select_related = ("agreement__contract__customer",)
    search_fields = ("name", "agreement__contract__number", "agreement__contract__customer__name")
    autocomplete_fields = ("agreement",)
    fields = ("agreement", ("name", "email", "language"), ("iban", "payroll_number"))
    inlines = (ChargerInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("agreement",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_fields(request, obj)
        if self.may_change(request):
            return fields
        return ["agreement", ("name", "email", "language"), ("account", "payroll_number")]

    @admin.display(description="account")
    def account(self, driver: HomeDriver) -> str:
        return driver.masked_iban or "–"
