"""Use cases on tariffs: writing drafts, and publishing them."""

from apps.tariffs.services.drafts import (
    EditConflict,
    NotADraft,
    copy_version,
    create_draft,
    discard_draft,
    save_draft,
)
from apps.tariffs.services.publishing import (
    PublishRefused,
    WarningsNotAccepted,
    earliest_start,
    end_version,
    publish_version,
    withdraw_version,
)

__all__ = [
    "EditConflict",
    "NotADraft",
    "PublishRefused",
    "WarningsNotAccepted",
    "copy_version",
    "create_draft",
    "discard_draft",
    "earliest_start",
    "end_version",
    "publish_version",
    "save_draft",
    "withdraw_version",
]
