"""Which rows a request may read, said once for the console, the portal and the API.

``visible_to`` answers for an organisation; a request adds the role it acts in. An organisation may both sell and buy:
in the console it acts as seller (a model's first TENANT path), in the portal as buyer (the other paths). Superusers,
the platform's own operators, see every row in console and API, and are nobody's customer.
"""

from typing import Any, Final

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BooleanField, F, Func, Model, Q, QuerySet
from django.http import HttpRequest

from apps.accounts.domain.roles import CUSTOMER_ROLES, OPERATOR_ROLES, Role
from apps.accounts.models import Membership, User


def acting_membership(request: HttpRequest) -> Membership | None:
    """Return the membership the request acts in; None when signed out or without one."""
    return request.get_membership()  # type: ignore[attr-defined,no-any-return]


def operator_of(request: HttpRequest) -> User:
    """Return who is signed in, for the services that note who did it; only asked where somebody must be."""
    user = request.user
    assert isinstance(user, User), "the console is closed to the signed-out"
    return user


def is_platform_operator(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_superuser)


def has_role(request: HttpRequest, roles: frozenset[Role]) -> bool:
    """Whether the request acts in one of ``roles``; a platform operator acts in all of them."""
    if is_platform_operator(request):
        return True
    membership = acting_membership(request)
    return membership is not None and Role(membership.role) in roles


def operated_rows(request: HttpRequest, queryset: Any) -> Any:
    """Narrow ``queryset`` of a tenant model to what the request's organisation operates; none for customers."""
    if is_platform_operator(request):
        return queryset
    membership = acting_membership(request)
    if membership is None or Role(membership.role) not in OPERATOR_ROLES:
        return queryset.none()
    # Of the paths that ``visible_to`` joins by "or" this is one; the others would only cost their joins.
    return queryset.filter(**{queryset.model.TENANT[0]: membership.organisation_id})


def bought_rows(membership: Membership | None, queryset: Any) -> Any:
    """Narrow ``queryset`` of a tenant model to what the membership's organisation buys; none for operators."""
    customer_paths = queryset.model.TENANT[1:]
    if membership is None or Role(membership.role) not in CUSTOMER_ROLES or not customer_paths:
        return queryset.none()
    buys = Q()
    for path in customer_paths:
        buys |= _is_of(membership.organisation_id, queryset.model, path)
    # A part of what ``visible_to`` lets see: asked for both, the planner would look through every seller's rows.
    return queryset.filter(buys)


def readable_rows(request: HttpRequest, queryset: QuerySet[Any]) -> Any:
    """Narrow ``queryset`` to what the request may read in its role, whichever that is (the API)."""
    membership = acting_membership(request)
    if membership is not None and Role(membership.role) in CUSTOMER_ROLES and not is_platform_operator(request):
        return bought_rows(membership, queryset)
    return operated_rows(request, queryset)


_HELD_BY_FEW: Final = ("contract__customer__organisation", "customer__organisation")
"""Ends of a path whose first hop an organisation has few of, and of which many rows are: a contract, a customer."""


class _IsOneOf(Func):
    """``column = ANY(array)``."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY("
    output_field = BooleanField()


def _is_of(organisation_id: int, model: type[Model], path: str) -> Q:
    """Return the condition that a row leads to an organisation.

    Its contracts, or its customers, are gathered first: joined to them, the planner takes a large fleet's sessions for
    as few as the average's, and walks through fifty thousand where it wants five.
    """
    end = next((end for end in _HELD_BY_FEW if f"__{path}".endswith(f"__{end}")), None)
    if end is None:
        return Q(**{path: organisation_id})
    rest = end.partition("__")[2]
    column = path.removesuffix(rest).removesuffix("__")
    for hop in column.split("__"):
        model = model._meta.get_field(hop).related_model  # type: ignore[assignment]
    keys = model._base_manager.filter(**{rest: organisation_id}).order_by().values("pk")
    return Q(_IsOneOf(F(column), ArraySubquery(keys)))
