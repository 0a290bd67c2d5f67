"""Who there is: people, legal entities, their tax registrations, the roles that join them, and keys for machines.

Every row elsewhere hangs on an ``Organisation``; a person sees what one of their memberships may see.
"""

from typing import Any, ClassVar

import pgtrigger
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django_countries.fields import CountryField
from stdnum import bic as bics
from stdnum import iban as ibans

from apps.accounts.domain.roles import OPERATOR_ROLES, Role
from apps.accounts.domain.scopes import Scope
from apps.accounts.tenancy import TenantModel
from apps.accounts.vat_ids import cleaned_vat_id
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


HELP_NUMBER = RegexValidator(
    r"^\+[1-9][0-9 ]{5,18}\Z", "With country code, digits and spaces only, such as +49 30 1234567."
)
"""Drivers come from abroad: a number without its country code cannot be called."""


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
    help_number = models.CharField(
        max_length=20,
        blank=True,
        validators=[HELP_NUMBER],
        help_text="Whom drivers call at a charger, on their pages and the stickers. A location may have its own.",
    )
    registration_number = models.CharField(max_length=60, blank=True, help_text="Company register (BT-30).")
    iban = models.CharField("IBAN", max_length=34, blank=True, validators=[validate_iban])
    bic = models.CharField("BIC", max_length=11, blank=True, validators=[validate_bic])
    account_holder = models.CharField(
        max_length=70, blank=True, help_text="In whose name the account is; empty: the legal name (BT-85)."
    )
    is_station_owner = models.BooleanField(default=False)
    refund_limit = models.DecimalField(
        max_digits=20,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="Gross, over a day and over a document: above it a second person confirms. Empty: no limit.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(refund_limit__isnull=True) | Q(refund_limit__gte=0), name="refund_limit_is_not_negative"
            )
        ]

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

    def clean(self) -> None:
        self.vat_id = cleaned_vat_id(self.vat_id, country=self.country.code)


# At commit, so that a whole organisation may still go. Two owners who let each other go at once meet at the lock.
_SOMEBODY_STAYS_IN_CHARGE = """
    PERFORM 1 FROM accounts_organisation WHERE id = OLD.organisation_id FOR NO KEY UPDATE;
    IF FOUND AND NOT EXISTS (
        SELECT 1 FROM accounts_membership
        WHERE organisation_id = OLD.organisation_id AND role IN ('owner', OLD.role)
    ) THEN
        RAISE EXCEPTION 'somebody in charge has to stay' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
"""


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
        triggers = [
            pgtrigger.Trigger(
                name="membership_leaves_somebody_in_charge",
                when=pgtrigger.After,
                operation=pgtrigger.Update | pgtrigger.Delete,
                timing=pgtrigger.Deferred,
                condition=pgtrigger.Condition("OLD.role IN ('owner', 'fleet_admin')"),
                func=_SOMEBODY_STAYS_IN_CHARGE,
            )
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


class Invitation(TenantModel):
    """A place in an organisation, kept by a mailed link for whoever reads that mailbox; see ``invitations``.

    token_hash  SHA-256 of the link's token, hexadecimal: the token itself stands in the mail alone
    vouched_by  the seller whose customer's first administrator is invited; null: the organisation itself invites
    """

    TENANT = ("organisation",)

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=20, choices=[(role.value, role.label) for role in Role])
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    vouched_by = models.ForeignKey(Organisation, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                "organisation",
                condition=Q(accepted_at__isnull=True, withdrawn_at__isnull=True),
                name="invitation_one_open_per_address",
            ),
            models.CheckConstraint(
                condition=Q(role__in=[role.value for role in Role]), name="invitation_role_is_known"
            ),
            models.CheckConstraint(
                condition=Q(vouched_by__isnull=True) | Q(role=Role.FLEET_ADMIN.value),
                name="invitation_vouched_for_is_an_administrators",
            ),
            models.CheckConstraint(
                condition=Q(token_hash__regex=r"^[0-9a-f]{64}$"),  # noqa: S106 - a pattern
                name="invitation_hash_is_sha256",
            ),
            models.CheckConstraint(condition=Q(expires_at__gt=F("invited_at")), name="invitation_expires_later"),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True, accepted_by__isnull=True)
                | Q(accepted_at__isnull=False, accepted_by__isnull=False, withdrawn_at__isnull=True),
                name="invitation_is_accepted_by_somebody_or_withdrawn",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="invitation_is_used_once",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.accepted_at IS NOT NULL OR OLD.withdrawn_at IS NOT NULL"),
                func="RAISE EXCEPTION 'an invitation is used once' USING ERRCODE = 'restrict_violation';",
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} · {self.role}"


class SignIn(TenantModel):
    """A browser in which a person is, or was, signed in; see ``sign_ins``.

    device     its user agent, cut
    language   in which it was last shown pages (de, en, fr, nl), so that mails to the person are written in it
    is_untold  a new device, of which the person has no mail yet
    """

    TENANT = ("user__memberships__organisation",)

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_ins")
    session_key = models.CharField(max_length=40, unique=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    device = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=2, default="en")
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    is_untold = models.BooleanField(default=False)

    class Meta:
        ordering = ["-last_seen_at"]
        verbose_name = "sign-in"

    def __str__(self) -> str:
        return f"{self.user} · {self.first_seen_at:%Y-%m-%d %H:%M}"


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
