"""Payments, money by bank and open invoices as JSON; money as decimal strings."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.domain.money import plain
from apps.invoices.models import Invoice
from apps.payments.models import Allocation, BankReceipt, Payment


def _amount(source: str | None = None) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=20, decimal_places=6, normalize_output=True, source=source)


class AllocationSerializer(serializers.ModelSerializer[Allocation]):
    """What settled which document; below zero where that was taken back."""

    invoice = serializers.UUIDField(source="invoice.uid")
    number = serializers.CharField(source="invoice.number")
    amount = _amount("amount.amount")

    class Meta:
        model = Allocation
        fields = ("invoice", "number", "amount", "allocated_at")


class PaymentSerializer(serializers.ModelSerializer[Payment]):
    """A payment by card or debit. ``amount`` is asked for, ``amount_received`` came, ``amount_returned`` went back by
    the customer's bank."""

    customer = serializers.CharField(source="customer.number", default=None)
    invoice = serializers.UUIDField(source="invoice.uid", default=None)
    amount = _amount("amount.amount")
    amount_received = _amount("amount_received.amount")
    amount_returned = _amount()
    allocations = AllocationSerializer(many=True)

    class Meta:
        model = Payment
        fields = (
            "uid",
            "kind",
            "status",
            "customer",
            "invoice",
            "currency",
            "amount",
            "amount_received",
            "amount_returned",
            "failure_code",
            "failure_message",
            "created_at",
            "succeeded_at",
            "returned_at",
            "synced_at",
            "allocations",
        )


class BankReceiptSerializer(serializers.ModelSerializer[BankReceipt]):
    """Money that came by bank; ``customer`` is null until somebody knows whose it is."""

    customer = serializers.CharField(source="customer.number", default=None)
    amount = _amount("amount.amount")
    allocations = AllocationSerializer(many=True)

    class Meta:
        model = BankReceipt
        fields = (
            "id",
            "customer",
            "booked_on",
            "currency",
            "amount",
            "payer",
            "reference",
            "recorded_at",
            "allocations",
        )


class OpenItemSerializer(serializers.ModelSerializer[Invoice]):
    """An issued invoice of which something is open, with how much."""

    customer = serializers.CharField(source="customer.number", default=None)
    contract = serializers.CharField(source="contract.number", default=None)
    gross = _amount("gross.amount")
    open_amount = serializers.SerializerMethodField()

    class Meta:
        model = Invoice
        fields = (
            "uid",
            "number",
            "customer",
            "contract",
            "issue_date",
            "due_date",
            "currency",
            "gross",
            "open_amount",
        )

    @extend_schema_field(serializers.CharField())
    def get_open_amount(self, invoice: Any) -> str:
        return plain(invoice.open_amount)
