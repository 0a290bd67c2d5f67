"""Documents as JSON, as printed: money as decimal strings, rates as fractions."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.invoices.models import Invoice, InvoiceLine, InvoiceTax


def money_field(name: str, **kwargs: Any) -> serializers.DecimalField:
    return serializers.DecimalField(
        source=f"{name}.amount", max_digits=20, decimal_places=6, normalize_output=True, **kwargs
    )


class BandSerializer(serializers.Serializer[Any]):
    """A price as printed on a line."""

    text = serializers.CharField()
    quantity = serializers.CharField()
    unit = serializers.CharField()
    price = serializers.CharField()
    amount = serializers.CharField()


class LineSerializer(serializers.ModelSerializer[InvoiceLine]):
    """``session`` leads to the charge record that explains the line; null on credit notes."""

    session = serializers.UUIDField(source="cdr.session.uid", default=None)
    revision = serializers.IntegerField(source="cdr.revision", default=None)
    net = money_field("net")
    gross = serializers.SerializerMethodField()
    prices = serializers.SerializerMethodField()

    class Meta:
        model = InvoiceLine
        fields = (
            "position",
            "session",
            "revision",
            "vehicle",
            "token",
            "cost_centre",
            "place",
            "time_zone",
            "started_at",
            "ended_at",
            "energy_milliwh",
            "prices",
            "tax_category",
            "tax_rate",
            "net",
            "gross",
        )

    def get_gross(self, line: InvoiceLine) -> str | None:
        return None if line.gross is None else f"{line.gross.amount.normalize():f}"

    @extend_schema_field(BandSerializer(many=True))
    def get_prices(self, line: InvoiceLine) -> Any:
        return line.prices


class TaxSerializer(serializers.ModelSerializer[InvoiceTax]):
    net = money_field("net")
    tax = money_field("tax")

    class Meta:
        model = InvoiceTax
        fields = ("category", "rate", "country", "legal_text", "net", "tax")


class InvoiceSummarySerializer(serializers.ModelSerializer[Invoice]):
    """``credits`` is the uid of the document that a credit note takes back; a receipt has no customer or contract."""

    seller = serializers.CharField(source="seller.name")
    customer = serializers.CharField(source="customer.name", default=None)
    contract = serializers.CharField(source="contract.number", default=None)
    credits = serializers.UUIDField(source="credits.uid", default=None)
    net = money_field("net")
    tax = money_field("tax")
    gross = money_field("gross")

    class Meta:
        model = Invoice
        fields: tuple[str, ...] = (
            "uid",
            "kind",
            "status",
            "number",
            "seller",
            "customer",
            "contract",
            "credits",
            "reason",
            "purchase_order",
            "buyer_reference",
            "invoice_format",
            "period_from",
            "period_to",
            "tax_date",
            "issue_date",
            "due_date",
            "currency",
            "net",
            "tax",
            "gross",
            "content_hash",
        )


class InvoiceSerializer(InvoiceSummarySerializer):
    lines = LineSerializer(many=True)
    taxes = TaxSerializer(many=True)

    class Meta(InvoiceSummarySerializer.Meta):
        fields = (*InvoiceSummarySerializer.Meta.fields, "amounts_are_gross", "lines", "taxes")
