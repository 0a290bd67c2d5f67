"""Prepaid wallets in the console: what is offered, what is left, every movement, and the rest given back."""

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounts.admin_found import FoundField
from apps.accounts.domain.roles import MASTER_DATA_ROLES, MONEY_ROLES
from apps.accounts.scope import has_role, operated_rows, operator_of
from apps.accounts.tenant_admin import ActForm, ReasonForm, TenantAdmin, TenantTabular
from apps.contracts.models import Contract
from apps.core import clock
from apps.core.words import amount as in_words
from apps.core.words import money
from apps.payments.domain.status import RefundStatus
from apps.payments.models import Wallet, WalletMovement, WalletOffer
from apps.payments.papers import with_receipts
from apps.payments.services.refund_requests import request_wallet_refund
from apps.payments.services.refunds import NeedsSecondPerson, NotRefundable
from apps.payments.services.wallet_refunds import GivenBack, refund_wallet, refundable
from apps.payments.services.wallets import NoWallet, open_wallet
from apps.payments.wallets import disputed_in, limit_of

_ELSEWHERE: Final = "Somebody else has to confirm it here."


@admin.register(WalletOffer)
class WalletOfferAdmin(TenantAdmin):
    change_roles = MASTER_DATA_ROLES
    owner_field = "seller"
    refusals = {
        "wallet_offer_least_is_not_above_most": "The largest top-up is not below the least one.",
        "wallet_offer_amounts_are_not_negative": "No amount is below zero, and a session reserves something.",
        "wallet_offer_amounts_are_rounded": "The currency has no such small amounts.",
    }
    empty_hint = "Say what whoever pays in advance may top up; then contracts can be prepaid."
    list_display = ("seller", "amounts", "least", "most", "low_balance", "bound", "session_amount", "currency")
    list_select_related = ("seller",)
    fields = ("currency", "amounts", ("least", "most"), "low_balance", ("bound", "session_amount"))
    formfield_overrides = {ArrayField: {"widget": UnfoldAdminTextInputWidget}}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("currency",)


class MovementInline(TenantTabular):
    model = WalletMovement
    fields = ("moved_at", "kind", "moves", "leaves", "what_of", "reason", "decided_by")
    readonly_fields = fields
    ordering = ("-pk",)
    per_page = 50

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request)
        return with_receipts(rows).select_related("cdr__session", "invoice", "payment", "refund__payment", "decided_by")

    @display(description="amount")
    def moves(self, movement: WalletMovement) -> str:
        return money(movement.amount)

    @display(description="left")
    def leaves(self, movement: WalletMovement) -> str:
        return money(movement.balance)

    @display(description="of")
    def what_of(self, movement: WalletMovement) -> str:
        if movement.cdr is not None:
            url = reverse("console:session", args=[movement.cdr.session.uid])
            return format_html('<a class="wl-link" href="{}">session</a>', url)
        if movement.invoice is not None:
            return _link("invoices_invoice", movement.invoice)
        payment = movement.payment or (movement.refund.payment if movement.refund else None)
        if payment is None:
            return "–"
        receipt = getattr(movement, "receipt", None)
        if receipt is None:
            return _link("payments_payment", payment)
        url = reverse("admin:documents_document_download", args=[receipt])
        link = format_html('<a class="wl-link" href="{}">receipt (PDF)</a>', url)
        return format_html("{}<br>{}", _link("payments_payment", payment), link)


def _link(name: str, row: Any) -> str:
    return format_html('<a class="wl-link" href="{}">{}</a>', reverse(f"admin:{name}_change", args=[row.pk]), row)


class _ContractForm(ActForm):
    """Which contract is prepaid from now on; the choices are set by whoever asks."""


@admin.register(Wallet)
class WalletAdmin(TenantAdmin):
    empty_hint = (
        "Open a wallet for a contract: its customer tops it up in the portal, and its sessions are paid from it."
    )
    list_display = ("contract", "holds", "reserved", "opened_at")
    list_select_related = ("contract__customer", "contract__seller")
    search_fields = ("contract__number", "contract__customer__name")
    fields = ("contract", ("holds", "reserved", "disputed", "bound"), "opened_at")
    readonly_fields = ("holds", "reserved", "disputed", "bound")
    inlines = (MovementInline,)
    actions_list = ("open",)
    actions_detail = ("give_back", "limit")

    @admin.display(description="left", ordering="balance")
    def holds(self, wallet: Wallet) -> str:
        return money(wallet.balance)

    @admin.display(description="reserved by running sessions")
    def reserved(self, wallet: Wallet) -> str:
        return in_words(limit_of(wallet).reserved, wallet.currency)

    @admin.display(description="disputed by banks")
    def disputed(self, wallet: Wallet) -> str:
        return in_words(disputed_in(wallet), wallet.currency)

    @admin.display(description="may go below zero by")
    def bound(self, wallet: Wallet) -> str:
        return in_words(limit_of(wallet).amount, wallet.currency)

    def has_money_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, MONEY_ROLES)

    @action(description="Open a wallet", url_path="open", permissions=["money"], icon="add_card")
    def open(self, request: HttpRequest) -> HttpResponse:
        contracts = operated_rows(request, _not_prepaid())

        class OpenForm(_ContractForm):
            contract = FoundField(
                contracts,
                key=Wallet._meta.get_field("contract"),
                error_messages={"invalid_choice": "This contract is prepaid already, or it has ended."},
            )

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            wallet = open_wallet(contract_id=cleaned["contract"].pk, at=clock.now())
            self.message_user(request, f"{wallet.contract} is prepaid from now on.")
            return HttpResponseRedirect(reverse("admin:payments_wallet_change", args=[wallet.pk]))

        return self.act(
            request,
            obj=None,
            title="Let a contract be prepaid",
            text="Its customer tops up in the portal; a session begins only where enough is left, and is paid from the "
            "wallet when it has its price. What it has charged and nobody billed yet is paid from the wallet too.",
            submit="Open the wallet",
            form_class=OpenForm,
            refused=(NoWallet,),
            initial={"contract": request.GET.get("contract", "")},
            do=do,
        )

    @action(description="Give back the rest", url_path="give-back", permissions=["money"], icon="undo")
    def give_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        wallet = self.get_object_or_404(request, object_id)
        amount = refundable(wallet)

        class RefundForm(ReasonForm):
            seen = forms.DecimalField(widget=forms.HiddenInput)

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            told = {"wallet_id": wallet.pk, **cleaned, "by": operator_of(request), "at": clock.now()}
            try:
                given = refund_wallet(**told)
            except NeedsSecondPerson as needed:
                waiting = request_wallet_refund(amount=needed.amount, **told)
                said = in_words(needed.amount, wallet.currency)
                self.message_user(request, f"{said} are more than one person gives back alone. {_ELSEWHERE}")
                return HttpResponseRedirect(reverse("admin:payments_refundrequest_change", args=[waiting.pk]))
            self.message_user(request, _outcome(given, wallet))
            return HttpResponseRedirect(reverse("admin:payments_wallet_change", args=[wallet.pk]))

        return self.act(
            request,
            obj=wallet,
            title=f"Give back {in_words(amount, wallet.currency)} of the wallet",
            text="It goes back to the cards it came from, the latest top-up first, and leaves the wallet at once. What "
            "running sessions have reserved, what ended ones cost, and what a bank disputes stays.",
            submit="Give it back",
            form_class=RefundForm,
            refused=(NotRefundable,),
            initial={"seen": amount},
            do=do,
        )

    @action(description="What it may owe", url_path="limit", permissions=["view"], icon="speed")
    def limit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        wallet = self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("admin:contracts_spendinglimit_change", args=[limit_of(wallet).pk]))


def _not_prepaid() -> QuerySet[Any]:
    open_contracts = Contract.objects.exclude(status=Contract.Status.ENDED)
    return open_contracts.exclude(collects_on=Contract.CollectsOn.WALLET).select_related("customer")


def _outcome(given: GivenBack, wallet: Wallet) -> str:
    failed = [refund for refund in given.refunds if refund.status == RefundStatus.FAILED]
    done = sum((one.amount.amount for one in given.refunds if one not in failed), start=given.left - given.left)
    words = [f"{in_words(done, wallet.currency)} go back to the card."]
    if failed:
        words.append("A card refused; that money is in the wallet again.")
    if given.left:
        words.append(f"{in_words(given.left, wallet.currency)} no card takes back: pay them by bank.")
    return " ".join(words)
