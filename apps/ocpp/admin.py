"""The raw log of the wire in the console: read only."""

import json
from typing import Any, Final

from django.contrib import admin
from django.db.models import Max, Q
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.decorators import display

from apps.accounts.admin_search import words_of
from apps.accounts.scope import operated_rows
from apps.accounts.tenant_admin import RelatedOnlyFieldListFilter, TenantAdmin
from apps.ocpp.models import EventKind, Frame, StationEvent
from apps.stations.models import ChargingStation

RECENT: Final = 200_000
"""So many of the newest frames a search looks through where it names no station."""


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
    search_help_text = f"Station, and action, message id or note: of the station, or of the last {RECENT:,} messages."
    fields = (("station", "direction", "connection_no"), ("received_at", "action", "message_id"), "note", "text")
    readonly_fields = ("text",)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        # No index knows parts of what a frame says: it would be written with each message, and read once a month.
        stations = operated_rows(request, ChargingStation.objects.all())
        is_of_stations = "station__id__exact" in request.GET
        for word in words_of(search_term):
            if named := list(stations.filter(identity__icontains=word).values_list("pk", flat=True)):
                queryset, is_of_stations = queryset.filter(station__in=named), True
            else:
                says = Q(action__icontains=word) | Q(message_id__icontains=word) | Q(note__icontains=word)
                queryset = queryset.filter(says)
        if search_term and not is_of_stations:
            newest = Frame.objects.aggregate(pk=Max("pk"))["pk"] or 0
            queryset = queryset.filter(pk__gt=newest - RECENT)
        return queryset, False

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
