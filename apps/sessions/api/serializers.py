"""Sessions and charge records as JSON: energy in integer milliwatt-hours, money as decimal strings."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.sessions.models import Cdr, ChargingSession


class PartSerializer(serializers.Serializer[Any]):
    """One price of a period: quantity in mWh (ENERGY), ms (TIME) or 1 (FLAT); price and amount unrounded."""

    element_index = serializers.IntegerField()
    dimension = serializers.CharField()
    tax_category = serializers.CharField()
    quantity = serializers.IntegerField()
    price = serializers.CharField()
    amount = serializers.CharField()
    reason = serializers.CharField()


class PeriodSerializer(serializers.Serializer[Any]):
    """A stretch with one set of prices; instants in UTC epoch milliseconds, half-open."""

    start_ms = serializers.IntegerField()
    end_ms = serializers.IntegerField()
    state = serializers.CharField()
    energy_milliwh = serializers.IntegerField()
    charging_ms = serializers.IntegerField()
    idle_ms = serializers.IntegerField()
    start_register_milliwh = serializers.IntegerField(allow_null=True)
    end_register_milliwh = serializers.IntegerField(allow_null=True)
    parts = PartSerializer(many=True)


class AdjustmentSerializer(serializers.Serializer[Any]):
    """A line beside the prices, rounded: idle_cap, discount, min_price, max_price, ceiling, floor."""

    kind = serializers.CharField()
    reason = serializers.CharField()
    net = serializers.CharField()
    tax = serializers.CharField()
    gross = serializers.CharField()


class TotalSerializer(serializers.Serializer[Any]):
    """A VAT category's rounded amounts; ``rate`` is a fraction."""

    tax_category = serializers.CharField()
    rate = serializers.CharField()
    net = serializers.CharField()
    tax = serializers.CharField()
    gross = serializers.CharField()


class CdrSerializer(serializers.ModelSerializer[Cdr]):
    """``id`` is the session's uid and the revision, joined by a dot."""

    id = serializers.SerializerMethodField()
    session = serializers.UUIDField(source="session.uid")
    net = serializers.DecimalField(source="net.amount", max_digits=20, decimal_places=6, normalize_output=True)
    tax = serializers.DecimalField(source="tax.amount", max_digits=20, decimal_places=6, normalize_output=True)
    gross = serializers.DecimalField(source="gross.amount", max_digits=20, decimal_places=6, normalize_output=True)
    periods = serializers.SerializerMethodField()
    adjustments = serializers.SerializerMethodField()
    totals = serializers.SerializerMethodField()

    class Meta:
        model = Cdr
        fields = (
            "id",
            "session",
            "purpose",
            "revision",
            "reason",
            "started_at",
            "ended_at",
            "energy_milliwh",
            "currency",
            "net",
            "tax",
            "gross",
            "tax_date",
            "rated_at",
            "engine_version",
            "content_hash",
            "periods",
            "adjustments",
            "totals",
        )

    def get_id(self, cdr: Cdr) -> str:
        return f"{cdr.session.uid}.{cdr.revision}"

    @extend_schema_field(PeriodSerializer(many=True))
    def get_periods(self, cdr: Cdr) -> Any:
        return cast("dict[str, Any]", cdr.document)["periods"]

    @extend_schema_field(AdjustmentSerializer(many=True))
    def get_adjustments(self, cdr: Cdr) -> Any:
        lines = cast("dict[str, Any]", cdr.document)["adjustments"]
        return [AdjustmentSerializer(line).data for line in lines]

    @extend_schema_field(TotalSerializer(many=True))
    def get_totals(self, cdr: Cdr) -> Any:
        return cast("dict[str, Any]", cdr.document)["totals"]


class SessionSerializer(serializers.ModelSerializer[ChargingSession]):
    """``charge_record`` is the current revision, null until the session is priced."""

    station = serializers.CharField(source="station.identity")
    evse = serializers.IntegerField(source="evse.number")
    vehicle = serializers.CharField(source="vehicle.plate", default=None)
    id_token_last4 = serializers.SerializerMethodField()
    contract = serializers.CharField(source="contract.number", default=None)
    charge_record = serializers.SerializerMethodField()

    class Meta:
        model = ChargingSession
        fields = (
            "uid",
            "station",
            "evse",
            "status",
            "authorisation",
            "contract",
            "vehicle",
            "id_token_last4",
            "time_zone",
            "started_at",
            "ended_at",
            "meter_start_milliwh",
            "meter_stop_milliwh",
            "stop_reason",
            "settled_at",
            "charge_record",
        )

    def get_id_token_last4(self, session: ChargingSession) -> str:
        return session.id_token[-4:]

    @extend_schema_field(CdrSerializer(allow_null=True))
    def get_charge_record(self, session: Any) -> Any:
        records = session.current_cdrs
        return CdrSerializer(records[0]).data if records else None
