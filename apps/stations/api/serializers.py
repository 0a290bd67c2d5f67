"""Stations as JSON; identities are the lookup, keys never leave the house."""

from rest_framework import serializers

from apps.stations.models import ChargingStation, Connector, Evse, Location


class LocationSerializer(serializers.ModelSerializer[Location]):
    country = serializers.CharField(source="country.code")

    class Meta:
        model = Location
        fields = ("name", "street", "postcode", "city", "country", "time_zone")


class ConnectorSerializer(serializers.ModelSerializer[Connector]):
    class Meta:
        model = Connector
        fields = ("number", "kind", "max_power_w", "status", "status_at")


class EvseSerializer(serializers.ModelSerializer[Evse]):
    connectors = ConnectorSerializer(many=True)

    class Meta:
        model = Evse
        fields = ("number", "connectors")


class StationSerializer(serializers.ModelSerializer[ChargingStation]):
    location = LocationSerializer()
    evses = EvseSerializer(many=True)

    class Meta:
        model = ChargingStation
        fields = (
            "identity",
            "location",
            "protocol",
            "registration",
            "vendor",
            "model",
            "serial_number",
            "firmware_version",
            "last_seen_at",
            "evses",
        )
