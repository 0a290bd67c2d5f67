"""Check constraints that several apps state."""

from django.db.models import CheckConstraint, F, Func, IntegerField, Q


class MinorUnit(Func):
    """``minor_unit(currency)``: decimals of an ISO 4217 currency (a SQL function of core's first migration)."""

    function = "minor_unit"
    output_field = IntegerField()


def is_rounded_money(*fields: str, currency: str = "currency", name: str) -> CheckConstraint:
    """Refuse amounts finer than their currency's minor unit; PostgreSQL itself would round silently to the column."""
    condition = Q()
    for field in fields:
        condition &= Q(**{field: Func(F(field), MinorUnit(F(currency)), function="round")}) | Q(
            **{f"{field}__isnull": True}
        )
    return CheckConstraint(condition=condition, name=name)
