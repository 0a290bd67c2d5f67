"""The raw log of the wire in the console: read only."""

import json

from django.contrib import admin
from django.utils.html import format_html
from unfold.decorators import display

from apps.accounts.tenant_admin import RelatedOnlyFieldListFilter, TenantAdmin
from apps.ocpp.models import EventKind, Frame, StationEvent


def pretty(payload: str) -> str:
    """Return a frame's text indented, or as it came where it is no JSON; decimals stay as sent."""
    try:
        return json.dumps(json.loads(payload, parse_float=str), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return payload


@admin.register(Frame)
class FrameAdmin(TenantAdmin):
    empty_hint = "Every message of a connected station is kept here before anything acts on it."
    list_display = ("received_at", "station", "direction", "action", "message_id", "note")
    # Neither a date hierarchy nor a choice of actions: both would look through all frames. The search knows actions.
    list_filter = ("direction", "received_at", ("station", RelatedOnlyFieldListFilter))
    list_select_related = ("station",)
    search_fields = ("station__identity", "action", "message_id", "note")
    fields = (("station", "direction", "connection_no"), ("received_at", "action", "message_id"), "note", "text")
    readonly_fields = ("text",)

    @admin.display(description="payload")
    def text(self, frame: Frame) -> str:
        return format_html('<pre class="whitespace-pre-wrap break-all">{}</pre>', pretty(frame.payload))


@admin.register(StationEvent)
class StationEventAdmin(TenantAdmin):
    empty_hint = "Boots, faults, replaced connections and what needs a person appear here."
    list_display = ("at", "station", "what", "text")
    list_filter = ("kind", ("station", RelatedOnlyFieldListFilter))
    list_select_related = ("station",)
    search_fields = ("station__identity", "text")
    date_hierarchy = "at"
    fields = (("station", "at"), "kind", "text", ("frame_id", "address"))

    @display(
        description="what",
        ordering="kind",
        label={
            EventKind.FAULT.label: "danger",
            EventKind.REVIEW.label: "danger",
            EventKind.REPLACED.label: "danger",
            EventKind.SECURITY.label: "warning",
            EventKind.SUPERSEDED.label: "warning",
            EventKind.UNREADABLE.label: "warning",
        },
    )
    def what(self, event: StationEvent) -> str:
        return event.get_kind_display()
