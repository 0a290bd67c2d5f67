"""Sessions and charge records that the request may read in its role: as seller or as buyer."""

from typing import Any
from uuid import UUID

from django.db.models import Prefetch
from django.http import Http404
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.scope import readable_rows
from apps.sessions.api.serializers import CdrSerializer, SessionSerializer
from apps.sessions.explanation import current_revisions
from apps.sessions.models import Cdr, ChargingSession


class SessionViewSet(ReadOnlyModelViewSet[ChargingSession]):
    """Charging sessions, newest first, each with its current charge record and its periods."""

    queryset = ChargingSession.objects.none()
    serializer_class = SessionSerializer
    lookup_field = "uid"
    lookup_value_regex = "[0-9a-f-]{36}"

    def get_queryset(self) -> Any:
        records = current_revisions(Cdr.objects.filter(purpose=Cdr.Purpose.RETAIL)).select_related("session")
        sessions = ChargingSession.objects.select_related("station", "evse", "vehicle", "contract").prefetch_related(
            Prefetch("cdrs", queryset=records, to_attr="current_cdrs")
        )
        return readable_rows(self.request, sessions)


class ChargeRecordViewSet(ReadOnlyModelViewSet[Cdr]):
    """Charge records, every revision; the highest of a session is current."""

    queryset = Cdr.objects.none()
    serializer_class = CdrSerializer
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
