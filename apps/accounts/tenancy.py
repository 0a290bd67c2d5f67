"""Tenancy: which rows a membership may see, stated once per model and applied in the queryset.

Each model names the path or paths that lead to an organisation that may see its rows::

    TENANT = ("seller", "customer__organisation")

``visible_to(membership)`` is the only way screens, exports and the API read; another tenant's row does not exist there.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from apps.accounts.models import Membership


class TenantQuerySet(models.QuerySet[Any]):
    def visible_to(self, membership: "Membership | None") -> Self:
        """Return the rows the membership's organisation may see; none at all without a membership."""
        if membership is None:
            return self.none()
        condition = Q()
        for path in self.model.TENANT:
            condition |= Q(**{path: membership.organisation_id})
        return self.filter(condition)


class TenantModel(models.Model):
    """A model whose rows belong to tenants."""

    TENANT: ClassVar[tuple[str, ...]]

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True
