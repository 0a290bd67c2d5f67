"""Cards in the console, and the vehicles and cost centres they belong to."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounts.domain.roles import MASTER_DATA_ROLES, SUPPORT_ROLES
from apps.accounts.tenant_admin import ActForm, RelatedOnlyFieldListFilter, TenantAdmin, TenantForm, TenantTabular
from apps.contracts.admin.imports import CARD_FILES, ImportPages
from apps.contracts.admin.words import STATUS_LABELS
from apps.contracts.cards import CardRefused, block_card, replace_card, retire_card, unblock_card
from apps.contracts.models import CostCentre, IdToken, Vehicle
from apps.core.bells import ring_on_commit


class VehicleInline(TenantTabular):
    model = Vehicle
    change_roles = MASTER_DATA_ROLES | SUPPORT_ROLES
    fields = ("plate", "label")


class CostCentreInline(TenantTabular):
    model = CostCentre
    change_roles = MASTER_DATA_ROLES | SUPPORT_ROLES
    fields = ("code", "name", "buyer_reference", "purchase_order")


class TokenInline(TenantTabular):
    model = IdToken
    fk_name = "contract"
    fields = ("uid", "driver", "vehicle", "cost_centre", "status", "valid_to")
    readonly_fields = fields
    show_change_link = True
    verbose_name_plural = "cards"


class OfCustomerAdmin(TenantAdmin):
    """What belongs to a customer, and to the same one for good: cards and sessions already name it."""

    change_roles = MASTER_DATA_ROLES | SUPPORT_ROLES
    deletable = True
    list_filter = (("customer", RelatedOnlyFieldListFilter),)
    list_select_related = ("customer",)
    autocomplete_fields = ("customer",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("customer",)


@admin.register(Vehicle)
class VehicleAdmin(OfCustomerAdmin):
    refusals = {"vehicle_plate_unique_per_customer": "This customer already has a vehicle with this plate."}
    empty_hint = "Vehicles are printed on invoice lines when a card belongs to one."
    list_display = ("plate", "label", "customer")
    search_fields = ("plate", "label", "customer__name")
    fields = ("customer", "plate", "label")


@admin.register(CostCentre)
class CostCentreAdmin(OfCustomerAdmin):
    refusals = {
        "cost_centre_code_unique_per_customer": "This customer already has a cost centre of this code.",
        "cost_centre_has_a_code": "Give it a code.",
    }
    empty_hint = (
        "Cost centres are the customer's. Choose one on a card: invoices then name it on the card's lines and state "
        "what each of them comes to."
    )
    list_display = ("code", "name", "customer", "buyer_reference", "purchase_order")
    search_fields = ("code", "name", "customer__name")
    fields = ("customer", ("code", "name"), ("buyer_reference", "purchase_order"))


class IdTokenForm(TenantForm):
    """A card's seller is its contract's; its vehicle and cost centre are the contract's customer's."""

    def _get_validation_exclusions(self) -> set[str]:
        return super()._get_validation_exclusions() - {"seller", "status"}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        contract = cleaned.get("contract")
        if contract is None:
            return cleaned
        self.instance.seller_id = contract.seller_id
        for field, what in (("vehicle", "vehicle"), ("cost_centre", "cost centre")):
            named = cleaned.get(field)
            if named is not None and named.customer_id != contract.customer_id:
                self.add_error(field, f"This {what} is not one of {contract.customer}.")
        driver = cleaned.get("driver_contract")
        if driver is not None and (driver.seller_id != contract.seller_id or driver == contract):
            self.add_error("driver_contract", "Choose another contract of the same seller: the driver's own.")
        return cleaned


class NewNumberForm(ActForm):
    uid = forms.CharField(
        label="Number of the new card",
        max_length=36,
        widget=UnfoldAdminTextInputWidget,
        validators=IdToken._meta.get_field("uid").validators,
        help_text="As the reader sees it.",
    )


@admin.register(IdToken)
class IdTokenAdmin(ImportPages):
    change_roles = SUPPORT_ROLES
    form = IdTokenForm
    refusals = {
        "token_in_one_contract_of_a_seller": "This card is in another contract already: retire it there first.",
        "token_ends_after_start": "It must end after it starts.",
    }
    empty_hint = (
        "Add the card's number as the reader sees it, or import a file of many; it then charges on its contract at "
        "your stations."
    )
    list_display = ("uid", "contract", "driver", "vehicle", "cost_centre", "state")
    list_filter = ("status", ("contract__customer", RelatedOnlyFieldListFilter))
    list_select_related = ("contract__customer", "vehicle", "cost_centre")
    search_fields = (
        "uid",
        "driver",
        "contract__number",
        "contract__customer__name",
        "vehicle__plate",
        "cost_centre__code",
    )
    autocomplete_fields = ("contract", "vehicle", "cost_centre", "driver_contract")
    fields = (
        "contract",
        "uid",
        "driver",
        ("vehicle", "cost_centre"),
        ("kind", "driver_contract"),
        "valid_from",
        "valid_to",
        "free_reason",
        ("state", "why_blocked"),
        ("replaced", "goes_on_as"),
    )
    readonly_fields = ("state", "why_blocked", "replaced", "goes_on_as")
    actions_detail = ("holders", "block", "unblock", "replace", "retire")
    actions_list = ("import_file", "import_template", "export_file")
    actions = ("block_many", "unblock_many")
    files = CARD_FILES

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        card = self.get_object(request, object_id)
        status = IdToken.Status(card.status) if card is not None else IdToken.Status.RETIRED
        hidden = {
            IdToken.Status.ACTIVE: {"unblock"},
            IdToken.Status.BLOCKED: {"block"},
            IdToken.Status.RETIRED: {"block", "unblock", "replace", "retire"},
        }[status]
        return [one for one in super().get_actions_detail(request, object_id) if one.path not in hidden]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # A retired card is history: its number may be another's by now.
        return super().has_change_permission(request, obj) and (obj is None or obj.status != IdToken.Status.RETIRED)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # Sessions name the card and its contract: another number or contract is another card.
        return self.readonly_fields if obj is None else (*self.readonly_fields, "contract", "uid")

    def has_card_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.may_change(request)

    @admin.action(description="Block cards", permissions=["card"])
    def block_many(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._move_many(
            request,
            queryset,
            verb="Block",
            text="They start no charge any more until they are unblocked; what runs goes on.",
            done="Card {card} is blocked.",
            move=block_card,
        )

    @admin.action(description="Unblock cards", permissions=["card"])
    def unblock_many(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._move_many(
            request,
            queryset,
            verb="Unblock",
            text="From the next start on they are accepted, as far as their contracts are.",
            done="Card {card} charges again.",
            move=unblock_card,
        )

    def _move_many(
        self, request: HttpRequest, queryset: Any, *, verb: str, text: str, done: str, move: Callable[..., IdToken]
    ) -> HttpResponse | None:
        def do(card: IdToken) -> str:
            move(token_id=card.pk)
            return done.format(card=card)

        return self.act_on_many(
            request, queryset, title=f"{verb} cards", text=text, submit=verb, refused=(CardRefused,), do=do
        )

    @action(description="Block", url_path="block", permissions=["card"], icon="block")
    def block(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._move(
            request,
            object_id,
            verb="Block",
            text="It starts no charge any more until it is unblocked; what runs goes on. Stations that remember it are "
            "asked to forget it.",
            done="Card {card} is blocked.",
            move=block_card,
        )

    @action(description="Unblock", url_path="unblock", permissions=["card"], icon="lock_open")
    def unblock(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._move(
            request,
            object_id,
            verb="Unblock",
            text="From the next start on it is accepted, as far as its contract is.",
            done="Card {card} charges again.",
            move=unblock_card,
        )

    @action(description="Retire", url_path="retire", permissions=["card"], icon="delete")
    def retire(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._move(
            request,
            object_id,
            verb="Retire",
            text="It leaves its contract for good, and its number may be added to another. What it charged stays.",
            done="Card {card} is retired.",
            move=retire_card,
        )

    @action(description="Replace", url_path="replace", permissions=["card"], icon="swap_horiz")
    def replace(self, request: HttpRequest, object_id: str) -> HttpResponse:
        card = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            successor = replace_card(token_id=card.pk, uid=cleaned["uid"])
            self.log_change(request, card, f"Replaced by {successor.uid}.")
            messages.success(request, f"Card {successor} goes on in its stead.")
            return HttpResponseRedirect(self.page_of(successor))

        return self.act(
            request,
            obj=card,
            title=f"Replace card {card}",
            text="This card is retired; the new one goes on with the same driver, vehicle, cost centre and terms. What "
            "this one charged stays with it.",
            submit="Replace",
            form_class=NewNumberForm,
            refused=(CardRefused,),
            do=do,
        )

    def _move(
        self, request: HttpRequest, object_id: str, *, verb: str, text: str, done: str, move: Callable[..., IdToken]
    ) -> HttpResponse:
        card = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            move(token_id=card.pk)
            self.log_change(request, card, done.format(card=card))
            return done.format(card=card)

        return self.act(
            request,
            obj=card,
            title=f"{verb} card {card}",
            text=text,
            submit=verb,
            refused=(CardRefused,),
            do=do,
        )

    @admin.display(description="replaces")
    def replaced(self, card: IdToken) -> str:
        return self._link(card.replaces) if card.replaces is not None else "–"

    @admin.display(description="replaced by")
    def goes_on_as(self, card: IdToken) -> str:
        successor = IdToken.objects.filter(replaces=card.pk).first() if card.pk else None
        return self._link(successor) if successor else "–"

    def _link(self, card: IdToken) -> str:
        return format_html('<a class="wl-link" href="{}">{}</a>', self.page_of(card), card.uid)

    @action(description="Who still holds it", url_path="holders", permissions=["view"], icon="ev_station")
    def holders(self, request: HttpRequest, object_id: str) -> HttpResponse:
        token = self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("console:card", args=[token.pk]))

    def save_model(self, request: HttpRequest, obj: IdToken, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        # Stations may remember the card: whoever keeps their lists and caches looks again.
        ring_on_commit("card.changed", id=obj.pk)

    @display(description="status", label=STATUS_LABELS, ordering="status")
    def state(self, token: IdToken) -> str:
        return token.get_status_display()

    @admin.display(description="blocked")
    def why_blocked(self, token: IdToken) -> str:
        if token.status != IdToken.Status.BLOCKED:
            return "–"
        return token.get_blocked_as_display() or "by you"
