"""What customers and drivers say is wrong with a line, and how it was answered; opened and answered on pages only."""

from typing import Any

import django_filters
from rest_framework import serializers
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.domain.scopes import Scope
from apps.accounts.scope import readable_rows
from apps.invoices.models import LineDispute


class LineDisputeSerializer(serializers.ModelSerializer[LineDispute]):
    """``opened_by`` is empty where a driver without an account said it; ``credit_note`` answers it, by its uid."""

    invoice = serializers.UUIDField(source="line.invoice.uid")
    invoice_number = serializers.CharField(source="line.invoice.number")
    position = serializers.IntegerField(source="line.position")
    opened_by = serializers.CharField(source="opened_name")
    ended_by = serializers.CharField(source="ended_name")
    credit_note = serializers.UUIDField(source="credit_note.uid", default=None)

    class Meta:
        model = LineDispute
        fields = (
            *("uid", "invoice", "invoice_number", "position", "ground", "words", "status", "holds_payment"),
            *("opened_at", "opened_by", "answer_by", "ended_at", "ended_by", "answer", "credit_note"),
        )


class LineDisputeFilter(django_filters.FilterSet):
    invoice = django_filters.UUIDFilter(field_name="line__invoice__uid", help_text="The document's uid.")
    opened_from = django_filters.IsoDateTimeFilter(field_name="opened_at", lookup_expr="gte")
    opened_until = django_filters.IsoDateTimeFilter(field_name="opened_at", lookup_expr="lt")
    answer_until = django_filters.DateFilter(
        field_name="answer_by", lookup_expr="lt", help_text="To be answered before that day."
    )

    class Meta:
        model = LineDispute
        fields = ("status", "ground", "invoice", "opened_from", "opened_until", "answer_until")


class LineDisputeViewSet(ReadOnlyModelViewSet[LineDispute]):
    """Disputed lines of documents, newest first."""

    scope = Scope.DOCUMENTS
    queryset = LineDispute.objects.none()
    serializer_class = LineDisputeSerializer
    filterset_class = LineDisputeFilter
    lookup_field = "uid"
    lookup_value_regex = "[0-9a-f-]{36}"

    def get_queryset(self) -> Any:
        return readable_rows(self.request, LineDispute.objects.select_related("line__invoice", "credit_note"))
