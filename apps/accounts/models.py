"""Who there is: people, legal entities, their tax registrations, the roles that join them, and keys for machines.

Every row elsewhere hangs on an ``Organisation``; a person sees what one of their memberships may see.
"""

from typing import Any, ClassVar

import pgtrigger
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django_countries.fields import CountryField
from stdnum import bic as bics
from stdnum import iban as ibans

from apps.accounts.domain.roles import OPERATOR_ROLES, Role
from apps.accounts.domain.scopes import Scope
from apps.accounts.tenancy import TenantModel
from apps.core.constraints import never_overlap
from apps.core.domain.money import UnknownCurrency, minor_unit
from apps.core.domain.zones import is_zone


def validate_zone(value: str) -> None:
    """Refuse a name that is no IANA time zone."""
    if not is_zone(value):
        raise ValidationError(f"“{value}” is no IANA time zone (for example Europe/Berlin).")


def validate_currency(value: str) -> None:
    """Refuse a code that is no ISO 4217 currency."""
    try:
        minor_unit(value)
    except UnknownCurrency as error:
        raise ValidationError(f"“{value}” is no ISO 4217 currency code (for example EUR).") from error


def validate_iban(value: str) -> None:
    """Refuse what is no IBAN: its length, its country's form or its check digits are wrong (ISO 13616)."""
    if not ibans.is_valid(value):
        raise ValidationError(f"“{value}” is no IBAN: please look for a mistyped or missing character.")


def validate_bic(value: str) -> None:
    """Refuse what has not the form of a BIC (ISO 9362)."""
    if not bics.is_valid(value):
        raise ValidationError(f"“{value}” is no BIC: it has 8 or 11 letters and digits.")


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in, known by e-mail address. ``is_superuser`` is the platform's own operator."""

    TENANT: ClassVar[tuple[str, ...]] = ("memberships__organisation",)

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_staff = models.BooleanField(default=False, help_text="May open the operator console.")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = UserManager()

    USERNAME_FIELD = "email"

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique_without_case")]

    def __str__(self) -> str:
        return self.name or self.email


class Organisation(TenantModel):
    """A legal entity: a station owner (seller) or a customer. Its legal data is copied onto each document."""

    TENANT = ("pk",)

    name = models.CharField(max_length=200, help_text="Legal name, as printed on documents (BT-27, BT-44).")
    street = models.CharField(max_length=200)
    postcode = models.CharField(max_length=20)
    city = models.CharField(max_length=100)
    country = CountryField()
    time_zone = models.CharField(
        max_length=64, validators=[validate_zone], help_text="Rules local years and billing days."
    )
    currency = models.CharField(max_length=3, validators=[validate_currency])
    email = models.EmailField()
    phone = models.CharField(max_length=40, blank=True)
    registration_number = models.CharField(max_length=60, blank=True, help_text="Company register (BT-30).")
    iban = models.CharField("IBAN", max_length=34, blank=True, validators=[validate_iban])
    bic = models.CharField("BIC", max_length=11, blank=True, validators=[validate_bic])
    account_holder = models.CharField(
        max_length=70, blank=True, help_text="In whose name the account is; empty: the legal name (BT-85)."
    )
    is_station_owner = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        self.iban, self.bic = ibans.compact(self.iban), bics.compact(self.bic)


class TaxRegistration(TenantModel):
    """An organisation's VAT registration in one country, half-open in days (null = open)."""

    TENANT = ("organisation",)

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="tax_registrations")
    country = CountryField()
    vat_id = models.CharField("VAT identifier", max_length=20)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True, help_text="First day on which it no longer holds.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="tax_registration_ends_after_start",
            ),
            never_overlap(
                "organisation", "country", first="valid_from", end="valid_to", name="tax_registration_one_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.country.code} {self.vat_id}"


class Membership(TenantModel):
    """A person's role in an organisation; sessions and keys end with it."""

    TENANT = ("organisation",)

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=[(role.value, role.label) for role in Role])
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "organisation"], name="membership_one_per_user_and_organisation"),
            models.CheckConstraint(
                condition=Q(role__in=[role.value for role in Role]), name="membership_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.organisation} · {self.role}"

    @property
    def is_operator(self) -> bool:
        """Whether the role works in the operator console."""
        return Role(self.role) in OPERATOR_ROLES


class ApiKey(TenantModel):
    """A key by which an organisation's own systems read the API; see ``api_keys``.

    membership    of whoever made it; the key ends with it
    is_customers  whether it reads what the organisation buys, instead of what it sells
    beginning     of the key, so that people tell keys apart · key_hash  SHA-256 of the whole, hexadecimal
    last_used_at  to the minute
    """

    TENANT = ("organisation",)

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="api_keys")
    membership = models.ForeignKey(
        Membership, null=True, blank=True, on_delete=models.SET_NULL, related_name="api_keys"
    )
    is_customers = models.BooleanField()
    name = models.CharField(max_length=80, help_text="The system that uses it.")
    scopes = ArrayField(models.CharField(max_length=20), verbose_name="reads")
    beginning = models.CharField(max_length=10)
    key_hash = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-pk"]
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(
                condition=Q(scopes__contained_by=[scope.value for scope in Scope], scopes__len__gt=0),
                name="api_key_reads_known_scopes",
            ),
            models.CheckConstraint(condition=Q(key_hash__regex=r"^[0-9a-f]{64}$"), name="api_key_hash_is_sha256"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="api_key_revoked_for_ever",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at"
                ),
                func="RAISE EXCEPTION 'an API key is revoked for ever' USING ERRCODE = 'restrict_violation';",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.beginning}…)"


class SavedView(TenantModel):
    """A list of the console as somebody likes to see it: its filters, search and order under a name.

    page   the list, ``app_model`` · query: what stands behind the ``?`` of its address
    """

    TENANT = ("organisation",)

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    page = models.CharField(max_length=80)
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=500, blank=True)
    is_shared = models.BooleanField(default=False, help_text="Colleagues see it too.")

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "user", "page", "name"], name="saved_view_named_once_per_person_and_list"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="saved_view_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name
