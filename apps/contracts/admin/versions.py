"""Templates of contracts and their versions in the console: drafted, looked at, offered, withdrawn."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.html import format_html
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from apps.accounts.domain.roles import MASTER_DATA_ROLES
from apps.accounts.scope import has_role, operated_rows, operator_of
from apps.accounts.tenant_admin import (
    ActForm,
    RelatedOnlyFieldListFilter,
    TenantAdmin,
    TenantForm,
    TenantTabular,
    choice_field,
)
from apps.contracts.contract_sheets import Wanted
from apps.contracts.domain.contract_terms import PLACEHOLDERS, problems_of
from apps.contracts.domain.versions import VersionKind, VersionStatus
from apps.contracts.models import Contract, ContractTemplate, ContractVersion, Plan, SiteGroup
from apps.contracts.offers import OfferRefused, acceptable_until, offer_link, offer_version, withdraw_version
from apps.core import clock
from apps.documents.downloads import as_download
from apps.tariffs.models import Tariff

VERSION_LABELS = {"Drafted": "info", "Offered": "warning", "Accepted": "success", "Withdrawn": "danger"}
_SAMPLE = """# Parties
{seller}, {seller_address}, and {customer}, {customer_address}, customer number {customer_number}.

# What is agreed
From {first_day} on the cards of contract {contract} charge at the seller's sites at the prices of the price sheet.

# Payment
Invoices are due {payment_days} days after they are issued.
"""


class TemplateForm(TenantForm):
    """Refuses placeholders that are not of the list when the text is saved, not when a contract is printed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "terms" in self.fields:
            self.fields["terms"].widget = UnfoldAdminTextareaWidget(attrs={"rows": 24})
            self.fields["terms"].help_text = (
                "A line that begins with “# ” is a heading; an empty line parts paragraphs. Placeholders: "
                + ", ".join(f"{{{name}}} {what}" for name, what in PLACEHOLDERS.items())
                + "."
            )
            if self.instance.pk is None:
                self.fields["terms"].initial = _SAMPLE

    def clean_terms(self) -> str:
        terms: str = self.cleaned_data["terms"]
        if problems := problems_of(terms):
            raise forms.ValidationError(list(problems))
        return terms


@admin.register(ContractTemplate)
class ContractTemplateAdmin(TenantAdmin):
    change_roles = MASTER_DATA_ROLES
    deletable = True
    owner_field = "seller"
    form = TemplateForm
    refusals = {"template_name_unique_per_seller": "You already have a template of this name."}
    empty_hint = (
        "A template holds your terms. Write one, then draft a document on a contract's page: prices, plan and cards "
        "are added by themselves."
    )
    list_display = ("name", "language")
    search_fields = ("name",)
    fields = (("name", "language"), "terms")


class VersionInline(TenantTabular):
    model = ContractVersion
    fields = ("number", "kind", "status", "first_day", "end_day", "accepted_name", "accepted_at")
    readonly_fields = fields
    ordering = ("-number",)
    show_change_link = True
    verbose_name_plural = "versions: what was agreed from which day on"


@admin.register(ContractVersion)
class ContractVersionAdmin(TenantAdmin):
    """Only shown: what was agreed is not changed, it is followed by another version."""

    empty_hint = "Draft a document on a contract's page: it is shown here before the customer sees it."
    list_display = ("contract", "number", "kind", "state", "first_day", "last_day", "accepted_name", "accepted_at")
    list_filter = ("status", "kind", ("contract__customer", RelatedOnlyFieldListFilter))
    list_select_related = ("contract__customer",)
    search_fields = ("contract__number", "contract__customer__name", "accepted_name")
    fields = (
        ("contract", "number"),
        ("kind", "state"),
        ("first_day", "last_day"),
        ("renews_months", "notice_days"),
        ("plan", "tariff"),
        "tariffs_at_groups",
        "file",
        "document_hash",
        ("offered_at", "offered_to", "offered_by"),
        "link",
        ("accepted_at", "accepted_name"),
        ("accepted_by", "accepted_address"),
        "withdrawn_at",
        "why",
    )
    readonly_fields = ("state", "last_day", "tariffs_at_groups", "file", "link", "why")
    actions_detail = ("show_document", "offer", "withdraw")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).order_by("-made_at", "-pk")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        version = self.get_object(request, object_id)
        hidden = set()
        if version is None or version.document_id is None:
            hidden.add("document")
        if version is None or version.status != VersionStatus.DRAFTED:
            hidden.add("offer")
        if version is None or version.status not in (VersionStatus.DRAFTED, VersionStatus.OFFERED):
            hidden.add("withdraw")
        return [one for one in super().get_actions_detail(request, object_id) if one.path not in hidden]

    def has_offering_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, MASTER_DATA_ROLES)

    @action(description="The document", url_path="document", permissions=["view"], icon="description")
    def show_document(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.get_object_or_404(request, object_id)
        if version.document is None:
            raise Http404("a renewal or termination has no document")
        return as_download(version.document)

    @action(description="Offer it", url_path="offer", permissions=["offering"], icon="send")
    def offer(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            done = offer_version(version_id=version.pk, at=clock.now(), by=operator_of(request))
            return f"{done} goes to {done.offered_to} with the link to accept it."

        return self.act(
            request,
            obj=version,
            title=f"Offer {version}",
            text=f"The document is mailed to {version.contract.customer.email} with a link by which it is read and "
            "accepted until the end of its first day. In the portal it is shown to the customer's people.",
            submit="Offer",
            refused=(OfferRefused,),
            do=do,
        )

    @action(description="Withdraw it", url_path="withdraw", permissions=["offering"], icon="undo")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            return f"{withdraw_version(version_id=version.pk, at=clock.now())} is withdrawn."

        return self.act(
            request,
            obj=version,
            title=f"Withdraw {version}",
            text="Nobody can accept it any more; its link says so. Then another version can be drafted.",
            submit="Withdraw",
            refused=(OfferRefused,),
            do=do,
        )

    @display(description="status", label=VERSION_LABELS, ordering="status")
    def state(self, version: ContractVersion) -> str:
        return version.get_status_display()

    @admin.display(description="last day", ordering="end_day")
    def last_day(self, version: ContractVersion) -> Any:
        return version.end_day - timedelta(days=1) if version.end_day else "until further notice"

    @admin.display(description="at site groups")
    def tariffs_at_groups(self, version: ContractVersion) -> str:
        return ", ".join(str(one) for one in version.group_tariffs.select_related("group", "tariff")) or "–"

    @admin.display(description="document")
    def file(self, version: ContractVersion) -> str:
        return version.document.file_name if version.document else "–"

    @admin.display(description="link to accept it")
    def link(self, version: ContractVersion) -> str:
        if version.status != VersionStatus.OFFERED or clock.now() >= acceptable_until(version):
            return "–"
        return format_html('<code class="wl-code">{}</code>', offer_link(version))

    @admin.display(description="reason")
    def why(self, version: ContractVersion) -> str:
        return str(version.content.get("reason", "–"))


class DraftForm(ActForm):
    """What a document is drafted from; days are the seller's, the last one included."""

    first_day = forms.DateField(widget=UnfoldAdminDateWidget, help_text="From when on it applies.")
    last_day = forms.DateField(
        widget=UnfoldAdminDateWidget, required=False, help_text="Of its term. Empty: until further notice."
    )
    renews_months = forms.IntegerField(
        label="Renewed by months",
        min_value=0,
        max_value=120,
        initial=0,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="At the end of its term, by itself. 0: it ends.",
    )
    notice_days = forms.IntegerField(
        label="Days of notice", min_value=0, max_value=730, initial=30, widget=UnfoldAdminIntegerFieldWidget
    )

    def __init__(self, *args: Any, request: HttpRequest, contract: Contract, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = {"seller": contract.seller}
        self.fields["template"] = choice_field(
            operated_rows(request, ContractTemplate.objects.filter(**rows)),
            help_text="Your terms; write them under Templates.",
        )
        self.fields["plan"] = choice_field(
            operated_rows(request, Plan.objects.filter(**rows)),
            required=False,
            help_text="That it gets from its first day on. Empty: what it has stays.",
        )
        tariffs = operated_rows(request, Tariff.objects.filter(owner=contract.seller))
        self.fields["tariff"] = choice_field(
            tariffs,
            required=False,
            help_text="For this contract from its first day on. Empty: what applies at the sites, or was assigned.",
        )
        self.order_fields(["template", "first_day", "last_day", "renews_months", "notice_days", "plan", "tariff"])
        self.groups = {
            f"tariff_at_{group.pk}": group for group in operated_rows(request, SiteGroup.objects.filter(**rows))
        }
        # However many groups there are, the tariffs are asked for once.
        by_key = {str(tariff.pk): tariff for tariff in tariffs} if self.groups else {}
        for name, group in self.groups.items():
            self.fields[name] = forms.TypedChoiceField(
                label=f"Tariff at sites of {group}",
                choices=[("", "---------"), *((key, str(tariff)) for key, tariff in by_key.items())],
                coerce=by_key.__getitem__,
                empty_value=None,
                required=False,
                widget=UnfoldAdminSelectWidget,
                help_text="Goes before the tariff above at these sites. Empty: what it has there stays.",
            )

    def wanted(self, contract: Contract) -> Wanted:
        cleaned = self.cleaned_data
        is_new = contract.status == Contract.Status.OFFERED
        return Wanted(
            kind=VersionKind.ORIGINAL if is_new else VersionKind.AMENDMENT,
            template=cleaned["template"],
            first_day=cleaned["first_day"],
            end_day=cleaned["last_day"] + timedelta(days=1) if cleaned["last_day"] else None,
            renews_months=cleaned["renews_months"],
            notice_days=cleaned["notice_days"],
            plan=cleaned["plan"],
            tariff=cleaned["tariff"],
            group_tariffs=tuple((group, cleaned[name]) for name, group in self.groups.items() if cleaned[name]),
        )


class EndForm(ActForm):
    last_day = forms.DateField(widget=UnfoldAdminDateWidget, help_text="The last day on which its cards charge.")
    reason = forms.CharField(
        max_length=200, widget=UnfoldAdminTextInputWidget, help_text="Kept with the contract, with your name."
    )
    is_agreed = forms.BooleanField(
        label="Earlier than its notice allows",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Since both sides agree, or for good cause.",
    )
