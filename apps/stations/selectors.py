"""Find pay codes: by what a driver scanned, and by the site whose stickers are printed; and the keys of meters."""

from datetime import datetime

from django.db.models import Q, QuerySet

from apps.stations.models import MeterKey, PayCode


def find_pay_code(code: str) -> PayCode | None:
    """Return the code with its connector, station and site; None for an unknown and for a revoked one alike."""
    codes = PayCode.objects.select_related("connector__evse__station__location__owner")
    return codes.filter(code=code, revoked_at__isnull=True).first()


def codes_to_print(codes: QuerySet[PayCode]) -> QuerySet[PayCode]:
    """Return the codes that are good, in the order in which somebody walks along the connectors."""
    return (
        codes.filter(revoked_at__isnull=True)
        .select_related("connector__evse__station__location")
        .order_by(
            "connector__evse__station__location__name",
            "connector__evse__station__identity",
            "connector__evse__number",
            "connector__number",
            "pk",
        )
    )


def meter_keys_at(*, station_id: int, evse_id: int, at: datetime) -> "QuerySet[MeterKey]":
    """Return the adopted keys that may have signed what the EVSE's meter measured at an instant, the newest first."""
    return MeterKey.objects.filter(
        Q(evse_id=evse_id) | Q(evse__isnull=True),
        Q(valid_from__isnull=True) | Q(valid_from__lte=at),
        Q(valid_to__isnull=True) | Q(valid_to__gt=at),
        station_id=station_id,
        adopted_at__isnull=False,
    ).order_by("-adopted_at", "-pk")
