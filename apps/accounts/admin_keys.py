"""API keys in the console: made once, shown once, revoked at once."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from apps.accounts import api_keys
from apps.accounts.api_keys import KeyRefused
from apps.accounts.domain.roles import INTEGRATION_ROLES
from apps.accounts.domain.scopes import Scope
from apps.accounts.models import ApiKey
from apps.accounts.scope import acting_membership, has_role, operator_of
from apps.accounts.tenant_admin import ActForm, TenantAdmin
from apps.core import clock


class KeyForm(ActForm):
    name = forms.CharField(
        label="Used by",
        max_length=80,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "ERP"}),
        help_text="One key a system, so that you can revoke one without stopping the others.",
    )
    scopes = forms.MultipleChoiceField(
        label="May read",
        choices=[(scope.value, f"{scope.value}: {scope.meaning}") for scope in Scope],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )


@admin.register(ApiKey)
class ApiKeyAdmin(TenantAdmin):
    empty_hint = "Make a key, and your own systems read sessions, documents and payments from /api/v1/."
    list_display = ("name", "shown", "reads", "state", "last_used_at", "made_by", "made_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("made_by", "membership")
    search_fields = ("name", "beginning")
    fields = (
        ("name", "shown"),
        "reads",
        ("state", "last_used_at"),
        ("made_by", "made_at"),
        ("revoked_by", "revoked_at"),
    )
    readonly_fields = ("shown", "reads", "state")
    actions_list = ("make_key",)
    actions_detail = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> Any:
        # Keys for what the organisation buys are its portal's.
        return super().get_queryset(request).filter(is_customers=False).defer("key_hash")

    @admin.display(description="key")
    def shown(self, key: ApiKey) -> str:
        return f"{key.beginning}…"

    @admin.display(description="reads")
    def reads(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display(description="state", label={"works": "success", "revoked": "danger", "its maker has left": "warning"})
    def state(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return "revoked"
        return "works" if api_keys.may_make_keys(key.membership) else "its maker has left"

    def has_integration_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, INTEGRATION_ROLES)

    def has_own_integration_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return acting_membership(request) is not None and has_role(request, INTEGRATION_ROLES)

    @action(description="Make a key", url_path="make-key", permissions=["own_integration"], icon="add")
    def make_key(self, request: HttpRequest) -> HttpResponse:
        membership = acting_membership(request)
        assert membership is not None, "the permission asks for one"

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            new = api_keys.make_key(membership=membership, **cleaned, at=clock.now())
            response = TemplateResponse(
                request,
                "admin/accounts/api_key.html",
                {
                    **self.admin_site.each_context(request),
                    "title": f"Key for {new.key.name}",
                    "text": new.text,
                    "back": self.page_of(None),
                },
            )
            response["Cache-Control"] = "no-store"
            return response

        return self.act(
            request,
            obj=None,
            title="Make an API key",
            text=f"It reads what {membership.organisation} sells, changes nothing, and is shown once. It ends when it "
            "is revoked, or when you leave the organisation.",
            submit="Make it",
            form_class=KeyForm,
            refused=(KeyRefused,),
            do=do,
        )

    @action(description="Revoke", url_path="revoke", permissions=["integration"], icon="block")
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            api_keys.revoke_key(key_id=key.pk, by=operator_of(request), at=clock.now())
            return f"{key} opens nothing any more."

        return self.act(
            request,
            obj=key,
            title=f"Revoke {key}",
            text="Whatever uses it is refused at once. A key that was revoked never comes back; make another.",
            submit="Revoke",
            do=do,
        )
