"""Issued files and mails in the console; webhooks have a module of their own."""

import re
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action, display

from apps.accounts.tenant_admin import TenantAdmin
from apps.documents import admin_webhooks  # noqa: F401
from apps.documents.downloads import as_download
from apps.documents.models import Document, Mail
from apps.documents.selectors import undelivered


@admin.register(Document)
class DocumentAdmin(TenantAdmin):
    empty_hint = "Issued invoices and credit notes are rendered and kept here for ten years."
    list_display = ("file_name", "kind", "language", "recipient", "created_at")
    list_filter = ("kind", "language")
    list_select_related = ("recipient",)
    search_fields = ("file_name", "key__startswith")
    date_hierarchy = "created_at"
    fields = ("file_name", "key", ("kind", "language"), "media_type", "sha256", "recipient", "created_at")
    actions_detail = ("download",)

    def get_queryset(self, request: HttpRequest) -> Any:
        # The bytes are read when one file is asked for, never for a list.
        return super().get_queryset(request).defer("content")

    @action(description="Download", url_path="download", permissions=["view"], icon="download")
    def download(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return as_download(self.get_object_or_404(request, object_id))


# The part of a link that accepts an invitation or an offer, or sets a password.
_LETS_IN: Final = re.compile(r"(/portal/(?:invitations|offers|password/new/[^/\s]+)/)[^/\s]+")


STATES: Final = {"sent": "success", "waits": "warning", "came back": "danger", "given up": "danger"}


class ArrivalFilter(admin.SimpleListFilter):
    title = "arrival"
    parameter_name = "arrival"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("failed", "did not arrive")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return undelivered(queryset) if self.value() == "failed" else queryset


@admin.register(Mail)
class MailAdmin(TenantAdmin):
    empty_hint = "Alerts to your operators appear here: stations that are offline, faults, sessions in review."
    list_display = ("subject", "recipient", "kind", "state", "created_at", "sent_at")
    list_filter = ("kind", ArrivalFilter, ("sent_at", admin.EmptyFieldListFilter))
    search_fields = ("subject", "recipient")
    date_hierarchy = "created_at"
    fields = (
        "subject",
        ("recipient", "kind", "language"),
        "shown",
        ("created_at", "sent_at", "bounced_at", "given_up_at"),
        ("attempts", "next_attempt_at"),
        "error",
    )

    readonly_fields = ("shown",)

    @admin.display(description="body")
    def shown(self, mail: Mail) -> str:
        """Return the text without what would let a reader here act as the mail's recipient."""
        return _LETS_IN.sub(r"\1…", mail.body)

    @display(description="state", label=STATES)
    def state(self, mail: Mail) -> str:
        if mail.sent_at is not None:
            return "sent" if mail.bounced_at is None else "came back"
        return "waits" if mail.given_up_at is None else "given up"
