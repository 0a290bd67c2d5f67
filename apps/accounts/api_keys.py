"""Keys by which an organisation's own systems read the API: made once, shown once, stored as a hash, revoked for ever.

A key is as good as the membership of whoever made it: it ends with that, or when that role may make no keys any more.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet

from apps.accounts.domain.roles import CUSTOMER_INTEGRATION_ROLES, INTEGRATION_ROLES, Role
from apps.accounts.domain.scopes import Scope
from apps.accounts.models import ApiKey, Membership, User

PREFIX: Final = "wl_"
SHOWN: Final = 10
"""So many characters of a key are kept, so that people tell keys apart: 7 random ones of 43."""
MOST_KEYS: Final = 20
NOTED_EVERY: Final = timedelta(minutes=1)


class KeyRefused(ValueError):
    """The key cannot be made; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """``text`` is what the other system sends; it is shown now and never again."""

    key: ApiKey
    text: str


def may_make_keys(membership: Membership | None) -> bool:
    """Whether the role makes keys: the owner for what is sold, the fleet's admin for what is bought."""
    return membership is not None and Role(membership.role) in INTEGRATION_ROLES | CUSTOMER_INTEGRATION_ROLES


@transaction.atomic
def make_key(*, membership: Membership, name: str, scopes: Collection[str], at: datetime) -> NewKey:
    """Make a key that reads what its maker's side of the organisation reads.

    :raises KeyRefused: the role makes none, it has no name or nothing to read, or there are too many
    """
    if not may_make_keys(membership):
        raise KeyRefused("Your role makes no API keys. Ask the owner.")
    if not name.strip():
        raise KeyRefused("Name the system that will use it.")
    chosen = [scope.value for scope in Scope if scope.value in scopes]
    if not chosen or len(chosen) != len(set(scopes)):
        raise KeyRefused("Choose what it may read, one thing at least.")
    if usable_keys().filter(organisation=membership.organisation_id).count() >= MOST_KEYS:
        raise KeyRefused(f"There are {MOST_KEYS} keys already. Revoke one that nobody uses.")
    text = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        organisation_id=membership.organisation_id,
        membership=membership,
        is_customers=Role(membership.role) in CUSTOMER_INTEGRATION_ROLES,
        name=name.strip()[:80],
        scopes=chosen,
        beginning=text[:SHOWN],
        key_hash=hash_of(text),
        made_by=membership.user,
        made_at=at,
    )
    return NewKey(key=key, text=text)


@transaction.atomic
def revoke_key(*, key_id: int, by: User, at: datetime) -> ApiKey:
    """Let a key open nothing any more, at once and for ever; revoking it again changes nothing."""
    key: ApiKey = ApiKey.objects.select_for_update().get(pk=key_id)
    if key.revoked_at is None:
        key.revoked_at, key.revoked_by = at, by
        key.save(update_fields=["revoked_at", "revoked_by"])
    return key


def find_key(text: str, *, at: datetime) -> ApiKey | None:
    """Return the usable key of that text, and note that it was used, to the minute."""
    key: ApiKey | None = usable_keys().filter(key_hash=hash_of(text)).select_related("organisation").first()
    if key is not None and (key.last_used_at is None or key.last_used_at < at - NOTED_EVERY):
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=at)
    return key


def usable_keys() -> QuerySet[ApiKey]:
    """Return the keys that open something: not revoked, and their maker may still make such keys."""
    owners = Q(is_customers=False, membership__role__in=[role.value for role in INTEGRATION_ROLES])
    fleets = Q(is_customers=True, membership__role__in=[role.value for role in CUSTOMER_INTEGRATION_ROLES])
    return ApiKey.objects.filter(owners | fleets, revoked_at__isnull=True, membership__user__is_active=True)


def hash_of(text: str) -> str:
    """Return what is stored of a key; it has 256 random bits, so nobody finds it by trying."""
    return sha256(text.encode()).hexdigest()
