"""Documents that the request may read in its role; a customer sees what was issued."""

from typing import Any

import django_filters
from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.domain.roles import OPERATOR_ROLES
from apps.accounts.domain.scopes import Scope
from apps.accounts.scope import has_role, readable_rows
from apps.documents.downloads import as_download
from apps.invoices.api.serializers import InvoiceSerializer, InvoiceSummarySerializer
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice
from apps.invoices.selectors import get_data, get_file


class InvoiceFilter(django_filters.FilterSet):
    customer = django_filters.CharFilter(field_name="customer__number", help_text="The customer's number.")
    contract = django_filters.CharFilter(field_name="contract__number", help_text="The contract's number.")
    credits = django_filters.UUIDFilter(field_name="credits__uid", help_text="Credit notes of that document.")
    issued_from = django_filters.IsoDateTimeFilter(
        field_name="issued_at", lookup_expr="gte", help_text="New since then: issued documents are never changed."
    )
    issued_until = django_filters.IsoDateTimeFilter(field_name="issued_at", lookup_expr="lt")
    due_until = django_filters.DateFilter(field_name="due_date", lookup_expr="lt", help_text="Due before that day.")

    class Meta:
        model = Invoice
        fields = (
            *("kind", "status", "number", "currency", "customer", "contract", "credits"),
            *("issued_from", "issued_until", "due_until"),
        )


class InvoiceViewSet(ReadOnlyModelViewSet[Invoice]):
    """Invoices and credit notes, newest first; one by its uid with lines and VAT breakdown."""

    scope = Scope.DOCUMENTS
    queryset = Invoice.objects.none()
    filterset_class = InvoiceFilter
    lookup_field = "uid"
    lookup_value_regex = "[0-9a-f-]{36}"

    def get_serializer_class(self) -> Any:
        return InvoiceSummarySerializer if self.action == "list" else InvoiceSerializer

    def get_queryset(self) -> Any:
        invoices = Invoice.objects.select_related("seller", "customer", "contract", "credits")
        if self.action == "retrieve":
            invoices = invoices.prefetch_related("lines__cdr__session", "taxes")
        found = readable_rows(self.request, invoices)
        return found if has_role(self.request, OPERATOR_ROLES) else found.filter(status=InvoiceStatus.ISSUED)

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    @action(detail=True)
    def pdf(self, request: Request, uid: str) -> HttpResponse:
        """Send the rendered file; 404 while it is being made."""
        file = get_file(self.get_object())
        if file is None:
            raise Http404("not rendered yet")
        return as_download(file)

    @extend_schema(responses={(200, "application/xml"): OpenApiTypes.BINARY})
    @action(detail=True)
    def xml(self, request: Request, uid: str) -> HttpResponse:
        """Send the electronic invoice in the customer's format; 404 while it is being made, or where it is none."""
        data = get_data(self.get_object())
        if data is None:
            raise Http404("no electronic invoice")
        return as_download(data)
