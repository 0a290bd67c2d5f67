"""The books in the console: read only, since a mistake is corrected by a reversing journal."""

from typing import Any, Final

from django.contrib import admin
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from unfold.decorators import display

from apps.accounts.tenant_admin import RelatedOnlyFieldListFilter, TenantAdmin, TenantTabular
from apps.core.words import amount, money
from apps.ledger import admin_charts, admin_closings  # noqa: F401
from apps.ledger.models import Account, Journal, LedgerEntry

# Text, since a JSON number would come back as a float.
_BALANCES: Final = """
    SELECT coalesce(json_agg(json_build_object('currency', currency, 'total', total::text) ORDER BY currency), '[]')
    FROM (
        SELECT currency, sum(debit - credit) AS total FROM ledger_month_sums s
        WHERE s.entity_id = ledger_account.entity_id AND s.account_id = ledger_account.id GROUP BY currency
    ) summed
"""


@admin.register(Account)
class AccountAdmin(TenantAdmin):
    empty_hint = "Accounts open by themselves with the first posting."
    list_display = ("code", "name", "kind", "balance", "entity")
    list_filter = ("kind",)
    list_select_related = ("entity",)
    search_fields = ("code", "name")
    fields = ("code", "name", "kind", "entity", "balance")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(balances=RawSQL(_BALANCES, ()))  # noqa: S611 - a constant

    @admin.display(description="balance (debit +)")
    def balance(self, account: Any) -> str:
        return ", ".join(amount(pair["total"], pair["currency"]) for pair in account.balances) or "–"


class EntryInline(TenantTabular):
    model = LedgerEntry
    fields = ("account", "debit", "credit")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("account")

    @display(description="debit")
    def debit(self, entry: LedgerEntry) -> str:
        return money(entry.amount) if entry.amount.amount > 0 else ""

    @display(description="credit")
    def credit(self, entry: LedgerEntry) -> str:
        return money(-entry.amount) if entry.amount.amount < 0 else ""


@admin.register(Journal)
class JournalAdmin(TenantAdmin):
    empty_hint = "Journals are posted when documents are issued and payments succeed."
    list_display = ("key", "text", "posted_on", "tax_date", "entity")
    list_filter = (("entity", RelatedOnlyFieldListFilter), ("entries__account", RelatedOnlyFieldListFilter))
    list_select_related = ("entity",)
    search_fields = ("key__startswith", "text")
    date_hierarchy = "posted_on"
    fields = ("key", "text", ("posted_on", "tax_date"), "entity", "created_at")
    inlines = (EntryInline,)
