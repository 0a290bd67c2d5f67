"""Shared costs in the console as they were shared, and how they are taken back."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action

from apps.accounts.domain.roles import MASTER_DATA_ROLES, MONEY_ROLES
from apps.accounts.scope import has_role, operator_of
from apps.accounts.tenant_admin import ReasonForm
from apps.contracts.admin.communities import CostPeriodPages
from apps.contracts.domain.sharing import NotShared
from apps.contracts.models import CostPeriod
from apps.core import clock
from apps.invoices.services.sharing import take_back_cost


@admin.register(CostPeriod)
class CostPeriodAdmin(CostPeriodPages):
    actions_detail = ("take_back",)

    @action(description="Take it back", url_path="take-back", permissions=["take_back"], icon="undo")
    def take_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Credit every share on the next invoices; the billing run shares the period anew as things stand then."""
        period = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            take_back_cost(period_id=period.pk, reason=cleaned["reason"], by=operator_of(request), at=clock.now())
            return "Every share is taken back on the next invoices. The next billing run shares the period anew."

        return self.act(
            request,
            obj=period,
            title=f"Take back {period}",
            text="Each share stands on the next invoice of its holder with the opposite sign, beside the new share. "
            "Correct holders, areas or weights first: the next billing run shares the period as they are then.",
            submit="Take back",
            form_class=ReasonForm,
            refused=(NotShared,),
            do=do,
        )

    def has_take_back_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        if not has_role(request, MASTER_DATA_ROLES | MONEY_ROLES):
            return False
        period = self.get_object(request, object_id) if object_id else None
        return period is None or period.is_in_force
