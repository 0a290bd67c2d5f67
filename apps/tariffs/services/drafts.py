"""Writing drafts: made from nothing, from another version or from a document; saved by one person at a time.

Whoever writes a draft locks its row; the edit number that they read says whether somebody saved in between. What is
saved parses, but for the empty draft that one starts with; whether it may be published is ``publishing.py``'s question.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.accounts.models import User
from apps.tariffs.domain.parse import parse_tariff
from apps.tariffs.models import Tariff, TariffVersion


class NotADraft(ValueError):
    """The version is published, so it can no longer be written; the message says so."""


class EditConflict(ValueError):
    """Somebody saved the draft since it was read.

    version  as it is stored now
    """

    def __init__(self, version: TariffVersion) -> None:
        self.version = version
        super().__init__(
            f"{version.edited_by or 'Somebody'} saved this draft at {version.edited_at:%Y-%m-%d %H:%M} UTC."
        )


@transaction.atomic
def create_draft(
    *,
    tariff_id: int,
    by: User,
    at: datetime,
    document: Mapping[str, Any] | None = None,
    texts: Mapping[str, str] | None = None,
) -> TariffVersion:
    """Start a draft with what a tariff document says, or without prices in the owner's currency.

    document  see ``parse_tariff``; texts: language → what the driver is told besides the prices

    :raises TariffError: the document is none; nothing is kept of it
    """
    tariff = Tariff.objects.select_related("owner").get(pk=tariff_id)
    version = TariffVersion(tariff=tariff, edited_by=by, edited_at=at)
    if document is None:
        version.currency, version.tax_included = tariff.owner.currency, True
    else:
        parse_tariff(document)
        version.set_content(document=document, texts=texts or {})
    version.save(force_insert=True)
    return version


@transaction.atomic
def copy_version(*, version_id: int, by: User, at: datetime) -> TariffVersion:
    """Start a draft of the same tariff with what a version says, whatever became of that version."""
    source = TariffVersion.objects.get(pk=version_id)
    copy = TariffVersion(tariff_id=source.tariff_id, edited_by=by, edited_at=at)
    copy.set_content(document=source.document(), texts=source.texts)
    copy.save(force_insert=True)
    return copy


@transaction.atomic
def save_draft(
    *,
    version_id: int,
    expected_edit_no: int,
    document: Mapping[str, Any],
    texts: Mapping[str, str],
    by: User,
    at: datetime,
) -> TariffVersion:
    """Replace what a draft says.

    expected_edit_no  of the draft as the person read it

    :raises NotADraft: it was published in the meantime
    :raises EditConflict: somebody else saved it in the meantime
    :raises TariffError: the document is none
    """
    version = lock_draft(version_id=version_id, expected_edit_no=expected_edit_no)
    parse_tariff(document)
    version.set_content(document=document, texts=texts)
    version.edit_no += 1
    version.edited_by, version.edited_at = by, at
    version.save()
    return version


@transaction.atomic
def discard_draft(*, version_id: int) -> None:
    """Delete a draft; discarding one that is gone already is fine.

    :raises NotADraft: it was published in the meantime
    """
    version = TariffVersion.objects.select_for_update().filter(pk=version_id).first()
    if version is None:
        return
    _refuse_published(version)
    version.delete()


def lock_draft(*, version_id: int, expected_edit_no: int) -> TariffVersion:
    """Return the draft locked, if it is still the one that was read; call it inside a transaction.

    :raises NotADraft: it was published or discarded in the meantime
    :raises EditConflict: somebody else saved it in the meantime
    """
    # Without joins: having waited for the lock, PostgreSQL reads this row anew, and joined ones as they were before.
    version: TariffVersion | None = TariffVersion.objects.select_for_update().filter(pk=version_id).first()
    if version is None:
        raise NotADraft("This draft was discarded in the meantime.")
    _refuse_published(version)
    if version.edit_no != expected_edit_no:
        raise EditConflict(version)
    return version


def _refuse_published(version: TariffVersion) -> None:
    if not version.is_draft:
        by = f" by {version.published_by}" if version.published_by else ""
        raise NotADraft(
            f"This version was published{by} at {version.published_at:%Y-%m-%d %H:%M} UTC and is frozen. "
            "Copy it to a new draft to change the price."
        )
