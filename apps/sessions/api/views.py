"""Sessions and charge records that the request may read in its role: as seller or as buyer."""

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import Prefetch
from django.http import Http404
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.domain.scopes import Scope
from apps.accounts.scope import readable_rows
from apps.sessions.api.serializers import CdrSerializer, SessionSerializer
from apps.sessions.explanation import current_revisions
from apps.sessions.models import Cdr, ChargingSession


class SessionFilter(django_filters.FilterSet):
    station = django_filters.CharFilter(field_name="station__identity", help_text="The station's identity.")
    contract = django_filters.CharFilter(field_name="contract__number", help_text="The contract's number.")
    vehicle = django_filters.CharFilter(field_name="vehicle__plate", help_text="The vehicle's plate.")
    started_from = django_filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="gte")
    started_until = django_filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="lt")
    settled_from = django_filters.IsoDateTimeFilter(field_name="settled_at", lookup_expr="gte")

    class Meta:
        model = ChargingSession
        fields = ("status", "station", "contract", "vehicle", "started_from", "started_until", "settled_from")


class SessionViewSet(ReadOnlyModelViewSet[ChargingSession]):
    """Charging sessions, newest first, each with its current charge record and its periods."""

    scope = Scope.SESSIONS
    queryset = ChargingSession.objects.none()
    serializer_class = SessionSerializer
    filterset_class = SessionFilter
    ordering = ("-started_at", "-pk")
    lookup_field = "uid"
    lookup_value_regex = "[0-9a-f-]{36}"

    def get_queryset(self) -> Any:
        records = current_revisions(Cdr.objects.filter(purpose=Cdr.Purpose.RETAIL)).select_related("session")
        sessions = ChargingSession.objects.select_related("station", "evse", "vehicle", "contract").prefetch_related(
            Prefetch("cdrs", queryset=records, to_attr="current_cdrs")
        )
        return readable_rows(self.request, sessions)


class ChargeRecordFilter(django_filters.FilterSet):
    session = django_filters.UUIDFilter(field_name="session__uid", help_text="The session's uid.")
    rated_from = django_filters.IsoDateTimeFilter(
        field_name="rated_at", lookup_expr="gte", help_text="New since then: records are never changed, only added."
    )
    rated_until = django_filters.IsoDateTimeFilter(field_name="rated_at", lookup_expr="lt")

    class Meta:
        model = Cdr
        fields = ("purpose", "session", "rated_from", "rated_until")


class ChargeRecordViewSet(ReadOnlyModelViewSet[Cdr]):
    """Charge records, every revision; the highest of a session is current."""

    scope = Scope.SESSIONS
    queryset = Cdr.objects.none()
    serializer_class = CdrSerializer
    filterset_class = ChargeRecordFilter
    lookup_value_regex = r"[0-9a-f-]{36}\.[0-9]{1,6}"
    lookup_field = "id"

    def get_queryset(self) -> Any:
        return readable_rows(self.request, Cdr.objects.select_related("session"))

    def get_object(self) -> Cdr:
        uid, _, revision = self.kwargs["id"].partition(".")
        try:
            found = self.get_queryset().filter(session__uid=UUID(uid), revision=int(revision)).first()
        except ValueError as error:
            raise Http404 from error
        if found is None:
            raise Http404
        return found  # type: ignore[no-any-return]
