"""Customers, contracts and cards that the request may read in its role."""

from typing import Any

import django_filters
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.domain.scopes import Scope
from apps.accounts.scope import readable_rows
from apps.contracts.api.serializers import ContractSerializer, CustomerSerializer, TokenSerializer
from apps.contracts.models import Contract, Customer, IdToken

UID = "[0-9a-f-]{36}"


class CustomerFilter(django_filters.FilterSet):
    class Meta:
        model = Customer
        fields = ("number", "kind")


class CustomerViewSet(ReadOnlyModelViewSet[Customer]):
    """A seller's customers; a customer reads how its sellers know it."""

    scope = Scope.CONTRACTS
    queryset = Customer.objects.none()
    serializer_class = CustomerSerializer
    filterset_class = CustomerFilter
    lookup_field = "uid"
    lookup_value_regex = UID

    def get_queryset(self) -> Any:
        return readable_rows(self.request, Customer.objects.select_related("seller"))


class ContractFilter(django_filters.FilterSet):
    customer = django_filters.CharFilter(field_name="customer__number", help_text="The customer's number.")
    valid_on = django_filters.IsoDateTimeFilter(method="in_force", help_text="In force at that instant.")

    class Meta:
        model = Contract
        fields = ("number", "status", "customer", "valid_on")

    def in_force(self, queryset: Any, name: str, value: Any) -> Any:
        return queryset.filter(valid_from__lte=value).exclude(valid_to__lte=value)


class ContractViewSet(ReadOnlyModelViewSet[Contract]):
    """Contracts with their plans; one by its uid."""

    scope = Scope.CONTRACTS
    queryset = Contract.objects.none()
    serializer_class = ContractSerializer
    filterset_class = ContractFilter
    lookup_field = "uid"
    lookup_value_regex = UID

    def get_queryset(self) -> Any:
        contracts = Contract.objects.select_related("seller", "customer", "tier").prefetch_related("plans__plan")
        return readable_rows(self.request, contracts)


class TokenFilter(django_filters.FilterSet):
    contract = django_filters.CharFilter(field_name="contract__number", help_text="The contract's number.")
    vehicle = django_filters.CharFilter(field_name="vehicle__plate", help_text="The vehicle's plate.")

    class Meta:
        model = IdToken
        fields = ("status", "contract", "vehicle")


class TokenViewSet(ReadOnlyModelViewSet[IdToken]):
    """Cards and fobs, without their numbers but the end."""

    scope = Scope.CONTRACTS
    queryset = IdToken.objects.none()
    serializer_class = TokenSerializer
    filterset_class = TokenFilter
    lookup_field = "public_uid"
    lookup_url_kwarg = "uid"
    lookup_value_regex = UID

    def get_queryset(self) -> Any:
        tokens = IdToken.objects.select_related("contract", "vehicle", "cost_centre")
        return readable_rows(self.request, tokens)
