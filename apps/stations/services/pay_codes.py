"""Codes on stickers: drawn at random, revoked when a sticker is gone or copied."""

import secrets
import string
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef

from apps.stations.models import Connector, Location, PayCode

CODE_CHARS: Final = 22
_BASE62: Final = string.digits + string.ascii_letters


@transaction.atomic
def new_pay_code(*, connector_id: int, at: datetime) -> PayCode:
    """Draw a new code for a connector; its others stay good until they are revoked."""
    code = "".join(secrets.choice(_BASE62) for _ in range(CODE_CHARS))
    return PayCode.objects.create(connector_id=connector_id, code=code, created_at=at)


@transaction.atomic
def revoke_pay_code(*, pay_code_id: int, at: datetime) -> PayCode:
    """Let a code lead nowhere from now on, for ever; revoking it again changes nothing."""
    pay_code: PayCode = PayCode.objects.select_for_update(no_key=True).get(pk=pay_code_id)
    if pay_code.revoked_at is None:
        pay_code.revoked_at = at
        pay_code.save(update_fields=["revoked_at"])
    return pay_code


@transaction.atomic
def add_missing_pay_codes(*, location_id: int, at: datetime) -> tuple[PayCode, ...]:
    """Draw a code for each connector of a site that has no good one; return the new ones."""
    # Two people who print stickers at once meet here, and the second finds the codes of the first.
    Location.objects.select_for_update(no_key=True).get(pk=location_id)
    bare = Connector.objects.filter(evse__station__location=location_id).exclude(
        Exists(PayCode.objects.filter(connector=OuterRef("pk"), revoked_at__isnull=True))
    )
    return tuple(new_pay_code(connector_id=connector.pk, at=at) for connector in bare.order_by("pk"))
