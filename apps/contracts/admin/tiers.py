"""Membership tiers, in the console."""

from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest

from apps.accounts.domain.roles import MASTER_DATA_ROLES
from apps.accounts.tenant_admin import TenantAdmin, TenantTabular
from apps.contracts.models import Contract, MembershipTier, TariffAssignment


class TierContractInline(TenantTabular):
    model = Contract
    fields = ("number", "customer", "status", "valid_from", "valid_to")
    readonly_fields = fields
    show_change_link = True
    verbose_name_plural = "contracts in this tier"


class TierAssignmentInline(TenantTabular):
    model = TariffAssignment
    fields = ("tariff", "group", "valid_from", "valid_to")
    readonly_fields = fields
    show_change_link = True
    verbose_name_plural = "tariffs of this tier"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("tariff", "group")


@admin.register(MembershipTier)
class MembershipTierAdmin(TenantAdmin):
    change_roles = MASTER_DATA_ROLES
    deletable = True
    owner_field = "seller"
    refusals = {
        "tier_name_unique_per_seller": "You already have a tier of this name.",
        "tier_discount_is_a_percentage": "A discount is more than 0 and at most 100 percent. Leave it empty for none.",
        "tier_ends_after_start": "The tier must end after it starts.",
    }
    empty_hint = (
        "A tier gives many contracts the same conditions: a discount on whatever tariff applies, a tariff of its own, "
        "or both. Add one, then choose it in the contracts."
    )
    list_display = ("name", "discount", "contract_count", "valid_from", "valid_to")
    search_fields = ("name",)
    fields = ("name", "discount_percent", "valid_from", "valid_to")
    inlines = (TierAssignmentInline, TierContractInline)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(contract_total=Count("contracts")).order_by("name")

    @admin.display(description="discount", ordering="discount_percent")
    def discount(self, tier: MembershipTier) -> str:
        percent = tier.discount_percent
        return "none" if percent is None else f"{percent.normalize():f} %"

    @admin.display(description="contracts", ordering="contract_total")
    def contract_count(self, tier: Any) -> int:
        return tier.contract_total
