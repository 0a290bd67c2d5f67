"""Customers, contracts and cards as JSON; of a card's number only the end leaves the house."""

from rest_framework import serializers

from apps.contracts.models import Contract, ContractPlan, Customer, IdToken


class CustomerSerializer(serializers.ModelSerializer[Customer]):
    country = serializers.CharField(source="country.code")
    seller = serializers.CharField(source="seller.name")

    class Meta:
        model = Customer
        fields = (
            "uid",
            "seller",
            "number",
            "kind",
            "name",
            "street",
            "postcode",
            "city",
            "country",
            "vat_id",
            "email",
            "language",
            "invoice_format",
        )


class ContractPlanSerializer(serializers.ModelSerializer[ContractPlan]):
    """A plan of a contract, from its first day up to, not including, its end day (null = open)."""

    name = serializers.CharField(source="plan.name")

    class Meta:
        model = ContractPlan
        fields = ("name", "first_day", "end_day")


class ContractSerializer(serializers.ModelSerializer[Contract]):
    """Half-open in UTC; ``customer`` is the seller's customer number."""

    seller = serializers.CharField(source="seller.name")
    customer = serializers.CharField(source="customer.number")
    customer_uid = serializers.UUIDField(source="customer.uid")
    tier = serializers.CharField(source="tier.name", default=None)
    plans = ContractPlanSerializer(many=True)

    class Meta:
        model = Contract
        fields = (
            "uid",
            "seller",
            "number",
            "customer",
            "customer_uid",
            "status",
            "valid_from",
            "valid_to",
            "tier",
            "plans",
            "billing_cycle",
            "collects_on",
            "payment_days",
            "purchase_order",
            "buyer_reference",
        )


class TokenSerializer(serializers.ModelSerializer[IdToken]):
    """``last4`` are the last characters of the card's number, the rest is never told."""

    uid = serializers.UUIDField(source="public_uid")
    last4 = serializers.SerializerMethodField()
    contract = serializers.CharField(source="contract.number")
    contract_uid = serializers.UUIDField(source="contract.uid")
    vehicle = serializers.CharField(source="vehicle.plate", default=None)
    cost_centre = serializers.CharField(source="cost_centre.code", default=None)

    class Meta:
        model = IdToken
        fields = (
            "uid",
            "last4",
            "contract",
            "contract_uid",
            "driver",
            "vehicle",
            "cost_centre",
            "status",
            "valid_from",
            "valid_to",
            "free_reason",
        )

    def get_last4(self, token: IdToken) -> str:
        return token.uid[-4:]
