"""Tariffs of the organisation the request acts in."""

from typing import Any

import django_filters
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.domain.scopes import Scope
from apps.accounts.scope import readable_rows
from apps.tariffs.api.serializers import TariffVersionSerializer
from apps.tariffs.models import TariffVersion


class TariffFilter(django_filters.FilterSet):
    tariff = django_filters.NumberFilter(field_name="tariff_id", help_text="All versions of one tariff.")
    in_force_at = django_filters.IsoDateTimeFilter(method="in_force", help_text="In force at that instant.")

    class Meta:
        model = TariffVersion
        fields = ("tariff", "currency", "in_force_at")

    def in_force(self, queryset: Any, name: str, value: Any) -> Any:
        return queryset.in_force(value)


class TariffViewSet(ReadOnlyModelViewSet[TariffVersion]):
    """Published versions of your tariffs, newest first; customers see what a session cost, not the tariffs behind."""

    scope = Scope.TARIFFS
    queryset = TariffVersion.objects.none()
    serializer_class = TariffVersionSerializer
    filterset_class = TariffFilter
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> Any:
        return readable_rows(self.request, TariffVersion.objects.published().select_related("tariff"))
