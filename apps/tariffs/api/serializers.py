"""Tariffs as JSON: the published versions, as OCPI writes their elements."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.tariffs.models import TariffVersion


class TariffVersionSerializer(serializers.ModelSerializer[TariffVersion]):
    """What a tariff says from ``valid_from`` up to, not including, ``valid_to`` (UTC; null = open).

    ``elements`` are OCPI 2.2.1 TariffElements and a few restrictions more; prices are decimal strings, with VAT where
    ``tax_included``. ``rules`` are the tariff-wide ones: minimum and maximum price, idling, holidays.
    """

    tariff = serializers.IntegerField(source="tariff_id")
    name = serializers.CharField(source="tariff.name")
    elements = serializers.SerializerMethodField()
    rules = serializers.SerializerMethodField()

    class Meta:
        model = TariffVersion
        fields = (
            "id",
            "tariff",
            "name",
            "valid_from",
            "valid_to",
            "currency",
            "tax_included",
            "elements",
            "rules",
            "published_at",
        )

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def get_elements(self, version: TariffVersion) -> Any:
        return version.elements

    @extend_schema_field(serializers.DictField())
    def get_rules(self, version: TariffVersion) -> Any:
        return version.rules
