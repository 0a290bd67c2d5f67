"""People and legal entities in the console."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.decorators import action, display

from apps.accounts import admin_keys, admin_people, services  # noqa: F401
from apps.accounts.domain.roles import MASTER_DATA_ROLES, PEOPLE_ROLES, Role
from apps.accounts.models import Membership, Organisation, TaxRegistration, User
from apps.accounts.scope import has_role, is_platform_operator, operated_rows, operator_of
from apps.accounts.second_factors import has_one
from apps.accounts.tenant_admin import TenantAdmin, TenantTabular

# Rights come from roles in an organisation (apps.accounts.domain.roles), never from Django's groups.
admin.site.unregister(Group)
# A person's second factors are that person's: nobody looks at them here.
admin.site.unregister((Authenticator, EmailAddress))


class TaxRegistrationInline(TenantTabular):
    model = TaxRegistration
    change_roles = MASTER_DATA_ROLES
    fields = ("country", "vat_id", "valid_from", "valid_to")


@admin.register(Organisation)
class OrganisationAdmin(TenantAdmin):
    """A tenant sees and keeps its own legal data; only the platform's operator adds organisations."""

    change_roles = MASTER_DATA_ROLES
    list_display = ("name", "city", "country", "currency", "time_zone", "is_station_owner")
    search_fields = ("name", "city", "email")
    list_filter = ("is_station_owner",)
    fields = (
        "name",
        "street",
        ("postcode", "city"),
        "country",
        ("time_zone", "currency"),
        "email",
        ("phone", "help_number"),
        "registration_number",
        "iban",
        ("bic", "account_holder"),
        "refund_limit",
        "is_station_owner",
    )
    inlines = (TaxRegistrationInline,)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_platform_operator(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # What kind of tenant it is, and the currency its books are kept in, are the platform's to say.
        if is_platform_operator(request):
            return ()
        # Whoever the limit is for does not set it.
        limit = () if has_role(request, PEOPLE_ROLES) else ("refund_limit",)
        return ("currency", "is_station_owner", *limit)


@admin.register(Membership)
class MembershipAdmin(TenantAdmin):
    change_roles = PEOPLE_ROLES
    deletable = True
    owner_field = "organisation"
    list_display = ("user", "email", "role", "organisation", "created_at")
    list_filter = ("role",)
    search_fields = ("user__email", "user__name")
    list_select_related = ("user", "organisation")
    fields = ("user", "role", "second_factor")
    actions_list = ("invite",)
    actions_detail = ("take_factor_off",)
    empty_hint = "Invite the people who work for you: finance, support, technicians. Each sees only your organisation."

    @admin.display(ordering="user__email")
    def email(self, membership: Membership) -> str:
        return membership.user.email

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_platform_operator(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("second_factor",) if obj is None else ("user", "second_factor")

    @display(description="second factor", boolean=True)
    def second_factor(self, membership: Membership) -> bool:
        return membership.pk is not None and has_one(membership.user)

    def may_touch(self, request: HttpRequest, obj: Membership | None) -> bool:
        """Nobody changes or ends their own membership: an organisation would lose its last owner by a slip."""
        return obj is None or obj.user_id != request.user.pk

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_touch(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_touch(request, obj) and super().has_delete_permission(request, obj)

    def has_invite_permission(self, request: HttpRequest) -> bool:
        return has_role(request, PEOPLE_ROLES)

    @action(description="Invite a person", url_path="invite", permissions=["invite"], icon="person_add")
    def invite(self, request: HttpRequest) -> HttpResponse:
        return redirect("console:invite")

    def has_take_factor_off_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        # Another tenant's is none: the act answers that with a 404.
        membership = self.get_object(request, object_id) if object_id else None
        return has_role(request, PEOPLE_ROLES) and self.may_touch(request, membership)

    @action(
        description="Take second factor off",
        url_path="second-factor-off",
        permissions=["take_factor_off"],
        icon="phonelink_erase",
    )
    def take_factor_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("console:factor-off", self.get_object_or_404(request, object_id).pk)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._or_say_why(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._or_say_why(request, super().delete_view, *args, **kwargs)

    def _or_say_why(self, request: HttpRequest, view: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return view(request, *args, **kwargs)
        except services.MemberRefused as refusal:
            messages.error(request, str(refusal))
            return redirect(self.page_of(None))

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        if change:
            services.change_role(membership_id=obj.pk, role=Role(obj.role), by=operator_of(request))
            return
        super().save_model(request, obj, form, change)
        services.let_in_or_out(user=obj.user)

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        services.end_membership(membership_id=obj.pk, by=operator_of(request))


@admin.register(User)
class UserAdmin(TenantAdmin):
    """Shown to the organisations a person works for; changed by the platform, since several share the account."""

    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    search_fields = ("email", "name")
    list_filter = ("is_active", "is_staff")
    fields = ("email", "name", "is_active", "is_staff", "is_superuser", "last_login", "created_at")
    readonly_fields = ("email", "is_staff", "is_superuser", "last_login", "created_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        own = operated_rows(request, Membership.objects.all())
        people = User.objects.order_by("email")
        return people if is_platform_operator(request) else people.filter(pk__in=own.values("user"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_platform_operator(request)
