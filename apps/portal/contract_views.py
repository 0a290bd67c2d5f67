"""A customer's contracts: what was agreed, their cards, and offers to accept, signed in or by a mail's link."""

from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.models import Membership
from apps.accounts.scope import bought_rows
from apps.contracts.domain.versions import VersionStatus
from apps.contracts.groups import own_tariffs
from apps.contracts.models import Contract, ContractVersion, Customer, HomeAgreement, IdToken
from apps.contracts.offers import OfferRefused, accept_version, acceptable_until, version_of
from apps.contracts.services import versions_of_tariffs
from apps.core import clock
from apps.documents.downloads import as_download
from apps.portal import selectors
from apps.portal.access import customer_page, is_administrator
from apps.portal.forms import AcceptForm
from apps.portal.pages import page_for
from apps.tariffs.domain.price_text import price_text
from apps.tariffs.spoken import page_language

_SHOWN = (VersionStatus.OFFERED, VersionStatus.ACCEPTED)


@require_GET
@customer_page
def contracts(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """List the organisation's contracts with every seller, those to accept first."""
    found = bought_rows(membership, Contract.objects.all()).select_related("seller", "customer")
    offered = set(_versions(membership).filter(status=VersionStatus.OFFERED).values_list("contract_id", flat=True))
    rows = [{"contract": one, "is_offered": one.pk in offered} for one in found.order_by("seller__name", "number")]
    rows.sort(key=lambda row: not row["is_offered"])
    at_home = {"charges_at_home": bought_rows(membership, HomeAgreement.objects.all()).exists()}
    communities = selectors.customers_of(membership).filter(kind=Customer.Kind.COMMUNITY)
    return page_for(request, "portal/contracts.html", membership, rows=rows, communities=communities, **at_home)


@never_cache
@require_GET
@customer_page
def contract(request: HttpRequest, contract_id: int, *, membership: Membership) -> HttpResponse:
    """Show one contract: its versions and documents, its plan and its cards."""
    found = (
        bought_rows(membership, Contract.objects.filter(pk=contract_id)).select_related("seller", "customer").first()
    )
    if found is None:
        raise Http404("no such contract")
    versions = list(_versions(membership).filter(contract=found).order_by("-number"))
    offer = next((one for one in versions if one.status == VersionStatus.OFFERED and _is_open(one)), None)
    cards = IdToken.objects.filter(contract=found).exclude(status=IdToken.Status.RETIRED)
    initial = {"name": membership.user.name, "document_hash": offer.document_hash} if offer else {}
    return page_for(
        request,
        "portal/contract.html",
        membership,
        contract=found,
        agreed=[one for one in versions if one.status == VersionStatus.ACCEPTED],
        offer=offer,
        may_accept=is_administrator(membership),
        form=AcceptForm(initial=initial),
        cards=cards.select_related("vehicle", "cost_centre").order_by("uid"),
        prices=_own_prices(found, at=clock.now()),
        plans=found.plans.select_related("plan").order_by("-first_day"),
    )


def _own_prices(contract: Contract, *, at: datetime) -> list[dict[str, Any]]:
    """Return what the contract's own tariffs cost now: everywhere first, then at the sites of each group."""
    own = own_tariffs(contract, at, at + timedelta.resolution)
    versions = versions_of_tariffs([one.assignment.tariff_id for one in own], at=at)
    language = page_language()
    return [
        {
            "group": one.assignment.group,
            "sites": one.sites,
            "lines": price_text(version.terms(), language=language).lines,
        }
        for one in own
        if (version := versions[one.assignment.tariff_id]) is not None
    ]


@require_POST
@customer_page
def accept(request: HttpRequest, version_id: int, *, membership: Membership) -> HttpResponse:
    """Accept an offer for the organisation."""
    if not is_administrator(membership):
        raise PermissionDenied
    version = _versions(membership).filter(pk=version_id).first()
    if version is None:
        raise Http404("no such offer")
    form = AcceptForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say your name and tick that you accept."))
        return redirect("portal:contract", version.contract_id)
    _accept(request, version, form, by=request.user)
    return redirect("portal:contract", version.contract_id)


@require_GET
@customer_page
def contract_document(request: HttpRequest, version_id: int, *, membership: Membership) -> HttpResponse:
    """Send the exact file that was offered or accepted."""
    version = _versions(membership).filter(pk=version_id, document__isnull=False).first()
    if version is None:
        raise Http404("no such document")
    return as_download(version.document)


@never_cache
@require_http_methods(["GET", "POST"])
def offer(request: HttpRequest, token: str) -> HttpResponse:
    """Show what is offered to whoever was mailed the link, and let them accept it. A look changes nothing."""
    version = version_of(token, at=clock.now())
    if version is None:
        raise Http404("no such link")
    form = AcceptForm(
        request.POST if request.method == "POST" else None, initial={"document_hash": version.document_hash}
    )
    if request.method == "POST" and form.is_valid():
        _accept(request, version, form, by=None)
        return redirect("portal:offer", token)
    context = {
        "version": version,
        "contract": version.contract,
        "form": form,
        "token": token,
        "is_open": _is_open(version),
    }
    return render(request, "portal/offer.html", context)


@require_GET
def offer_document(request: HttpRequest, token: str) -> HttpResponse:
    """Send the file that the link is for."""
    version = version_of(token, at=clock.now())
    if version is None or version.document is None:
        raise Http404("no such link")
    return as_download(version.document)


def _accept(request: HttpRequest, version: ContractVersion, form: AcceptForm, *, by: Any) -> None:
    try:
        accept_version(
            version_id=version.pk,
            name=form.cleaned_data["name"],
            document_hash=form.cleaned_data["document_hash"],
            address=_address(request),
            at=clock.now(),
            by=by,
        )
    except OfferRefused:
        messages.error(request, _("This offer cannot be accepted any more. Please ask the seller for a new one."))
    else:
        messages.success(request, _("Accepted. Both sides get a mail with the document; keep it."))


def _address(request: HttpRequest) -> str | None:
    """Return from where it was accepted; behind a proxy that is trusted the server has put the client's there."""
    try:
        return str(ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return None


def _is_open(version: ContractVersion) -> bool:
    return version.status == VersionStatus.OFFERED and clock.now() < acceptable_until(version)


def _versions(membership: Membership) -> Any:
    """Return the versions that the customer was offered or that apply; a draft is nobody's yet."""
    shown = bought_rows(membership, ContractVersion.objects.filter(status__in=_SHOWN))
    return shown.select_related("contract__seller", "contract__customer", "document")
