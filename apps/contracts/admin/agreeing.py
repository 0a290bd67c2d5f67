"""On a contract's page: draft its document, end it to a day, and what applied on a day."""

from datetime import date, timedelta
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action

from apps.accounts.scope import operator_of
from apps.accounts.tenant_admin import TenantAdmin
from apps.contracts.admin.versions import DraftForm, EndForm
from apps.contracts.contract_sheets import local_day
from apps.contracts.models import Contract
from apps.contracts.offers import OfferRefused, prepare_version
from apps.contracts.renewing import last_accepted, terminate_contract, what_applied
from apps.core import clock

_YEARS = range(2000, 2200)


class AgreeingPages(TenantAdmin):
    """The acts by which a contract gets its versions."""

    @action(description="Draft a document", url_path="draft", permissions=["agreeing"], icon="edit_document")
    def draft(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contract = self.get_object_or_404(request, object_id)
        form = partial(DraftForm, request=request, contract=contract)
        made: list[DraftForm] = []

        def bound(*args: Any, **kwargs: Any) -> DraftForm:
            made.append(form(*args, **kwargs))
            return made[-1]

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            version = prepare_version(
                contract_id=contract.pk, wanted=made[-1].wanted(contract), at=clock.now(), by=operator_of(request)
            )
            self.log_change(request, contract, f"Drafted version {version.number}.")
            messages.success(request, "Look at the document, then offer it. Nobody was told of it yet.")
            return HttpResponseRedirect(reverse("admin:contracts_contractversion_change", args=[version.pk]))

        return self.act(
            request,
            obj=contract,
            title=f"Draft a document of {contract}",
            text="Terms, price sheet, plan and cards become a document. You look at it before the customer does.",
            submit="Draft",
            form_class=bound,  # type: ignore[arg-type]
            refused=(OfferRefused,),
            do=do,
            initial=self._terms_of(contract),
        )

    @action(description="End it to a day", url_path="terminate", permissions=["agreeing"], icon="event_busy")
    def terminate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contract = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            version = terminate_contract(
                contract_id=contract.pk,
                end_day=cleaned["last_day"] + timedelta(days=1),
                reason=cleaned["reason"],
                is_agreed=cleaned["is_agreed"],
                at=clock.now(),
                by=operator_of(request),
            )
            return f"{contract} ends with {cleaned['last_day']}; {version.contract.customer.email} is told."

        return self.act(
            request,
            obj=contract,
            title=f"End {contract} to a day",
            text="Its cards charge until then, its plans end with it, and the customer is told by mail.",
            submit="End",
            form_class=EndForm,
            refused=(OfferRefused,),
            do=do,
        )

    @action(description="What applied on a day?", url_path="on-a-day", permissions=["view"], icon="history")
    def on_a_day(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what applied on the day of the address (``?day=2026-11-30``), else today."""
        contract = self.get_object_or_404(request, object_id)
        today = local_day(clock.now(), contract.seller)
        day = _day(request.GET.get("day", "")) or today
        return TemplateResponse(
            request,
            "admin/contracts/on_a_day.html",
            {
                **self.admin_site.each_context(request),
                "title": f"{contract}: what applied on a day",
                "contract": contract,
                "day": day,
                "today": today,
                "applied": what_applied(contract, day),
                "back": self.page_of(contract),
            },
        )

    def has_agreeing_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.may_change(request)

    def _terms_of(self, contract: Contract) -> dict[str, Any]:
        """Begin with what was agreed last."""
        agreed = last_accepted(contract)
        if agreed is None:
            return {"first_day": local_day(clock.now(), contract.seller) + timedelta(days=1)}
        return {
            "last_day": agreed.end_day - timedelta(days=1) if agreed.end_day else None,
            "renews_months": agreed.renews_months,
            "notice_days": agreed.notice_days,
        }


def _day(text: str) -> date | None:
    """Return the day asked for; None where it cannot be read."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in _YEARS else None
