"""Invitations and sign-ins in the console."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.decorators import action, display

from apps.accounts.domain.roles import PEOPLE_ROLES
from apps.accounts.invitations import InvitationRefused, withdraw_invitation
from apps.accounts.models import Invitation, SignIn
from apps.accounts.scope import has_role
from apps.accounts.sign_ins import end_sign_in, live_sign_ins
from apps.accounts.tenant_admin import TenantAdmin
from apps.core import clock
from apps.core.domain.browsers import browser_and_system


@admin.register(Invitation)
class InvitationAdmin(TenantAdmin):
    empty_hint = "Nobody is invited just now. Invite the people who work for you: each sees only your organisation."
    list_display = ("email", "role", "state", "invited_by", "invited_at", "expires_at", "organisation")
    list_filter = (("accepted_at", admin.EmptyFieldListFilter),)
    list_select_related = ("invited_by", "organisation")
    search_fields = ("email",)
    fields = (("email", "role"), "state", ("invited_by", "invited_at", "expires_at"), ("accepted_by", "accepted_at"))
    readonly_fields = ("state",)
    actions_list = ("invite",)
    actions_detail = ("withdraw",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("token_hash")

    @display(description="state", label={"open": "info", "accepted": "success", "withdrawn": "warning"})
    def state(self, invitation: Invitation) -> str:
        if invitation.accepted_at is not None:
            return "accepted"
        if invitation.withdrawn_at is not None:
            return "withdrawn"
        return "open" if invitation.expires_at > clock.now() else "over"

    def has_invite_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, PEOPLE_ROLES)

    @action(description="Invite a person", url_path="invite", permissions=["invite"], icon="person_add")
    def invite(self, request: HttpRequest) -> HttpResponse:
        return redirect("console:invite")

    @action(description="Withdraw", url_path="withdraw", permissions=["invite"], icon="block")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        invitation = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            withdraw_invitation(invitation_id=invitation.pk, at=clock.now())
            return f"The link sent to {invitation.email} opens nothing any more."

        return self.act(
            request,
            obj=invitation,
            title=f"Withdraw the invitation of {invitation.email}",
            text="Its link opens nothing from then on. You may invite them again.",
            submit="Withdraw",
            refused=(InvitationRefused,),
            do=do,
        )


@admin.register(SignIn)
class SignInAdmin(TenantAdmin):
    """Where the organisation's people are signed in now; for whoever decides about them."""

    empty_hint = "Nobody is signed in but you."
    list_display = ("user", "browser", "address", "first_seen_at", "last_seen_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "user__name")
    fields = ("user", "browser", "device", "address", ("first_seen_at", "last_seen_at"))
    readonly_fields = ("browser",)
    actions_detail = ("end",)

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).filter(pk__in=live_sign_ins(at=clock.now()).values("pk"))
        return rows.defer("session_key")

    @display(description="browser", ordering="device")
    def browser(self, found: SignIn) -> str:
        return browser_and_system(found.device)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return has_role(request, PEOPLE_ROLES)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has_role(request, PEOPLE_ROLES)

    def has_end_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, PEOPLE_ROLES)

    @action(description="Sign out", url_path="end", permissions=["end"], icon="logout")
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        found = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            end_sign_in(sign_in_id=found.pk)
            self.message_user(request, f"{found.user} is signed out of that browser.")
            return redirect(self.page_of(None))

        return self.act(
            request,
            obj=found,
            title=f"Sign {found.user} out",
            text=f"Of the browser {browser_and_system(found.device) or 'without a name'}. They may sign in again; "
            "to keep them out, end their membership.",
            submit="Sign out",
            do=do,
        )
