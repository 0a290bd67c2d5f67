"""People and legal entities in the console."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from apps.accounts import admin_keys, services  # noqa: F401
from apps.accounts.domain.roles import MASTER_DATA_ROLES, Role
from apps.accounts.models import Membership, Organisation, TaxRegistration, User
from apps.accounts.scope import acting_membership, has_role, is_platform_operator, operated_rows
from apps.accounts.tenant_admin import ActForm, TenantAdmin, TenantTabular

# Rights come from roles in an organisation (apps.accounts.domain.roles), never from Django's groups.
admin.site.unregister(Group)

OWNER_ONLY = frozenset({Role.OWNER})


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
        ("street", "postcode", "city"),
        "country",
        ("time_zone", "currency"),
        ("email", "phone", "help_number"),
        "registration_number",
        ("iban", "bic", "account_holder"),
        "is_station_owner",
    )
    inlines = (TaxRegistrationInline,)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_platform_operator(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # What kind of tenant it is, and the currency its books are kept in, are the platform's to say.
        return () if is_platform_operator(request) else ("currency", "is_station_owner")


class MemberForm(ActForm):
    email = forms.EmailField(widget=UnfoldAdminEmailInputWidget)
    name = forms.CharField(max_length=120, widget=UnfoldAdminTextInputWidget)
    role = forms.ChoiceField(choices=[(role.value, role.label) for role in Role], widget=UnfoldAdminSelectWidget)
    password = forms.CharField(
        label="First password",
        validators=[validate_password],
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Hand it over in person; they change it after signing in.",
    )


@admin.register(Membership)
class MembershipAdmin(TenantAdmin):
    change_roles = OWNER_ONLY
    deletable = True
    owner_field = "organisation"
    list_display = ("user", "email", "role", "organisation", "created_at")
    list_filter = ("role",)
    search_fields = ("user__email", "user__name")
    list_select_related = ("user", "organisation")
    fields = ("user", "role")
    actions_list = ("add_person",)
    empty_hint = "Add the people who work for you: finance, support, technicians. Each sees only your organisation."

    @admin.display(ordering="user__email")
    def email(self, membership: Membership) -> str:
        return membership.user.email

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_platform_operator(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("user",)

    def may_touch(self, request: HttpRequest, obj: Membership | None) -> bool:
        """Nobody changes or ends their own membership: an organisation would lose its last owner by a slip."""
        return obj is None or obj.user_id != request.user.pk

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_touch(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_touch(request, obj) and super().has_delete_permission(request, obj)

    def has_add_person_permission(self, request: HttpRequest) -> bool:
        return acting_membership(request) is not None and has_role(request, OWNER_ONLY)

    @action(description="Add a person", url_path="add-person", permissions=["add_person"], icon="person_add")
    def add_person(self, request: HttpRequest) -> HttpResponse:
        membership = acting_membership(request)
        assert membership is not None, "the permission asks for one"

        def do(cleaned: dict[str, Any]) -> str:
            services.add_member(
                organisation=membership.organisation,
                email=cleaned["email"],
                name=cleaned["name"],
                password=cleaned["password"],
                role=Role(cleaned["role"]),
            )
            return f"{cleaned['name']} may sign in now."

        return self.act(
            request,
            obj=None,
            title="Add a person",
            text=f"They will work for {membership.organisation} and see nothing of anybody else.",
            submit="Add",
            form_class=MemberForm,
            refused=(services.MemberRefused,),
            do=do,
        )

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        services.let_in_or_out(user=obj.user)

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        super().delete_model(request, obj)
        services.let_in_or_out(user=obj.user)


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
