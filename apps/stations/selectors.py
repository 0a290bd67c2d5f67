"""Find pay codes: by what a driver scanned, and by the site whose stickers are printed."""

from django.db.models import QuerySet

from apps.stations.models import PayCode


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
