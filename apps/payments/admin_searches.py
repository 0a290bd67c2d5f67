"""Who looked for drivers' charges by card, amount and day: read only, and gone after ``KEPT``."""

from django.contrib import admin

from apps.accounts.tenant_admin import TenantAdmin
from apps.payments.models import ChargeSearch


@admin.register(ChargeSearch)
class ChargeSearchAdmin(TenantAdmin):
    empty_hint = "Whoever looks for a charge by card, amount and day leaves a row here: drivers on their page, and you."
    list_display = ("at", "outcome", "card_last4", "amount", "day", "place", "attempt", "by")
    list_filter = ("outcome",)
    list_select_related = ("attempt", "by")
    search_fields = ("card_last4", "place")
    date_hierarchy = "at"
    fields = (("at", "by", "network"), ("card_last4", "amount", "day", "place"), ("outcome", "attempt"))
