"""Payments and open invoices that the request may read in its role."""

from typing import Any

import django_filters
from rest_framework.mixins import ListModelMixin
from rest_framework.viewsets import GenericViewSet, ReadOnlyModelViewSet

from apps.accounts.domain.scopes import Scope
from apps.accounts.scope import readable_rows
from apps.invoices.models import Invoice
from apps.payments.api.serializers import BankReceiptSerializer, OpenItemSerializer, PaymentSerializer
from apps.payments.models import BankReceipt, Payment
from apps.payments.selectors import open_among


class PaymentFilter(django_filters.FilterSet):
    customer = django_filters.CharFilter(field_name="customer__number", help_text="The customer's number.")
    invoice = django_filters.UUIDFilter(field_name="invoice__uid", help_text="The invoice's uid.")
    created_from = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_until = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")
    synced_from = django_filters.IsoDateTimeFilter(
        field_name="synced_at", lookup_expr="gte", help_text="Changed at Stripe, as far as we know, since then."
    )

    class Meta:
        model = Payment
        fields = ("kind", "status", "customer", "invoice", "created_from", "created_until", "synced_from")


class PaymentViewSet(ReadOnlyModelViewSet[Payment]):
    """Payments by card and debit, newest first."""

    scope = Scope.PAYMENTS
    queryset = Payment.objects.none()
    serializer_class = PaymentSerializer
    filterset_class = PaymentFilter
    lookup_field = "uid"
    lookup_value_regex = "[0-9a-f-]{36}"

    def get_queryset(self) -> Any:
        payments = Payment.objects.select_related("customer", "invoice").prefetch_related("allocations__invoice")
        return readable_rows(self.request, payments)


class BankReceiptFilter(django_filters.FilterSet):
    customer = django_filters.CharFilter(field_name="customer__number", help_text="The customer's number.")
    booked_from = django_filters.DateFilter(field_name="booked_on", lookup_expr="gte")
    booked_until = django_filters.DateFilter(field_name="booked_on", lookup_expr="lt")

    class Meta:
        model = BankReceipt
        fields = ("customer", "booked_from", "booked_until")


class BankReceiptViewSet(ReadOnlyModelViewSet[BankReceipt]):
    """Money that came by bank, newest first."""

    scope = Scope.PAYMENTS
    queryset = BankReceipt.objects.none()
    serializer_class = BankReceiptSerializer
    filterset_class = BankReceiptFilter
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> Any:
        receipts = BankReceipt.objects.select_related("customer").prefetch_related("allocations__invoice")
        return readable_rows(self.request, receipts)


class OpenItemFilter(django_filters.FilterSet):
    customer = django_filters.CharFilter(field_name="customer__number", help_text="The customer's number.")
    due_until = django_filters.DateFilter(field_name="due_date", lookup_expr="lt", help_text="Due before that day.")

    class Meta:
        model = Invoice
        fields = ("currency", "customer", "due_until")


class OpenItemViewSet(ListModelMixin, GenericViewSet[Invoice]):
    """Issued invoices of which something is open, newest first."""

    scope = Scope.PAYMENTS
    queryset = Invoice.objects.none()
    serializer_class = OpenItemSerializer
    filterset_class = OpenItemFilter

    def get_queryset(self) -> Any:
        return open_among(readable_rows(self.request, Invoice.objects.select_related("customer", "contract")))
