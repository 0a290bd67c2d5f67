"""The checklist of a new station owner: facts by query, each step with the form where it is done."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.contrib import admin
from django.contrib.postgres.aggregates import ArrayAgg
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, Max, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET
from django_countries import countries

from apps.accounts.domain.roles import OPERATOR_ROLES
from apps.accounts.models import Organisation
from apps.accounts.scope import acting_membership, has_role
from apps.console.domain.onboarding import Facts, Slug, Step, next_step, steps_of
from apps.contracts.models import TariffAssignment
from apps.core import clock
from apps.invoices.models import Invoice
from apps.payments.domain.status import PaymentStatus
from apps.payments.models import Payment, StripeEvent
from apps.stations.models import ChargingStation, Connector, Location, PayCode
from apps.tariffs.domain.status import VersionStatus
from apps.tariffs.models import TariffVersion

_CONNECTORS: Final = Connector.objects.filter(evse__station=OuterRef("pk"))
_LEGAL: Final = ("name", "street", "postcode", "city", "email")
"""Of an organisation, what a receipt and an invoice cannot do without; a field's name is what people call it, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedStep:
    """A step with the page where it is done; is_next: what to do now."""

    step: Step
    url: str
    label: str
    is_next: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    steps: tuple[LinkedStep, ...]

    @property
    def done(self) -> int:
        return sum(one.step.is_done for one in self.steps)

    @property
    def is_complete(self) -> bool:
        return self.done == len(self.steps)

    @property
    def next(self) -> LinkedStep | None:
        return next((one for one in self.steps if one.is_next), None)


@require_GET
def onboarding(request: HttpRequest) -> HttpResponse:
    """Show the way to the first paid session: what is done, what comes next, where it is done."""
    if not has_role(request, OPERATOR_ROLES):
        raise PermissionDenied
    request.current_app = admin.site.name  # type: ignore[attr-defined]
    context = {**admin.site.each_context(request), "title": "First steps", "checklist": checklist_of(request)}
    return TemplateResponse(request, "console/onboarding.html", context)


def card_of(request: HttpRequest) -> Checklist | None:
    """Return what the home page shows of the checklist; None: somebody has paid already, so it has served."""
    membership = acting_membership(request)
    if membership is None or not has_role(request, OPERATOR_ROLES) or _has_been_paid(membership.organisation):
        return None
    return _checklist(membership.organisation, paid=False)


def checklist_of(request: HttpRequest) -> Checklist | None:
    """Return the acting organisation's checklist; None: the platform's operator acts for none."""
    membership = acting_membership(request)
    if membership is None or not has_role(request, OPERATOR_ROLES):
        return None
    return _checklist(membership.organisation, paid=_has_been_paid(membership.organisation))


def _checklist(owner: Organisation, *, paid: bool) -> Checklist:
    known = _Known.of(owner)
    facts = facts_of(owner, known, paid=paid, at=clock.now())
    steps = steps_of(facts)
    first = next_step(steps)
    links = _links(owner, known, has_bare=facts.bare_stations > 0)
    return Checklist(
        steps=tuple(
            LinkedStep(step=step, url=links[step.slug][0], label=links[step.slug][1], is_next=step is first)
            for step in steps
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """Rows that both say what is done and fill in the next form; numbers are primary keys, None: there is none."""

    sites: int
    countries: frozenset[str]
    newest_site: int | None
    published: int
    drafts: int
    newest_tariff: int | None
    newest_draft: int | None

    @classmethod
    def of(cls, owner: Organisation) -> "_Known":
        sites = Location.objects.filter(owner=owner).aggregate(
            all=Count("pk"), newest=Max("pk"), countries=ArrayAgg("country", distinct=True, default=[])
        )
        published, draft = Q(status=VersionStatus.PUBLISHED), Q(status=VersionStatus.DRAFT)
        versions = TariffVersion.objects.filter(tariff__owner=owner).aggregate(
            published=Count("pk", filter=published),
            drafts=Count("pk", filter=draft),
            newest_tariff=Max("tariff", filter=published),
            newest_draft=Max("pk", filter=draft),
        )
        return cls(sites=sites["all"], countries=frozenset(sites["countries"]), newest_site=sites["newest"], **versions)


def facts_of(owner: Organisation, known: _Known, *, paid: bool, at: datetime) -> Facts:
    """Gather what is true of an organisation at ``at``; ``paid``: somebody has paid it already."""
    stations = ChargingStation.objects.filter(location__owner=owner).aggregate(
        all=Count("pk"),
        bare=Count("pk", filter=~Exists(_CONNECTORS)),
        seen=Count("pk", filter=Q(last_seen_at__isnull=False)),
    )
    good_code = PayCode.objects.filter(connector=OuterRef("pk"), revoked_at__isnull=True)
    connectors = Connector.objects.filter(evse__station__location__owner=owner).aggregate(
        all=Count("pk"), bare=Count("pk", filter=~Exists(good_code))
    )
    in_force = Q(valid_to__isnull=True) | Q(valid_to__gt=at)
    return Facts(
        missing_legal=[name for name in _LEGAL if not getattr(owner, name).strip()],
        untaxed=_untaxed(owner, known.countries or {owner.country.code}, at=at),
        sites=known.sites,
        stations=stations["all"],
        bare_stations=stations["bare"],
        seen_stations=stations["seen"],
        published_tariffs=known.published,
        draft_tariffs=known.drafts,
        assignments=TariffAssignment.objects.filter(in_force, seller=owner).count(),
        connectors=connectors["all"],
        bare_connectors=connectors["bare"],
        has_keys=bool(settings.STRIPE_SECRET_KEY),
        has_webhook=StripeEvent.objects.filter(Q(seller=owner) | Q(seller__isnull=True)).exists(),
        paid=paid,
    )


def _untaxed(owner: Organisation, wanted: Collection[str], *, at: datetime) -> list[str]:
    today = at.date()
    registered = owner.tax_registrations.filter(
        Q(valid_to__isnull=True) | Q(valid_to__gt=today), valid_from__lte=today
    ).values_list("country", flat=True)
    return [str(countries.name(code)) for code in sorted(set(wanted) - set(registered))]


def _has_been_paid(owner: Organisation) -> bool:
    paid = Payment.objects.filter(seller=owner, status=PaymentStatus.SUCCEEDED)
    return paid.filter(Q(attempt__receipt__isnull=False) | Q(invoice__kind=Invoice.Kind.INVOICE)).exists()


def _links(owner: Organisation, known: _Known, *, has_bare: bool) -> Mapping[Slug, tuple[str, str]]:
    """Return for each step the address of the right form, filled in as far as can be known, and the button's words."""
    company = reverse("admin:accounts_organisation_change", args=[owner.pk])
    site, draft = known.newest_site, known.newest_draft
    stations = ChargingStation.objects.filter(~Exists(_CONNECTORS), location__owner=owner).order_by("pk")
    bare = stations.values_list("pk", flat=True).first() if has_bare else None
    code = PayCode.objects.filter(connector__evse__station__location__owner=owner, revoked_at=None).first()
    return {
        Slug.LEGAL: (company, "Open the company's data"),
        Slug.TAX: (f"{company}#tax_registrations-group", "Open tax registrations"),
        Slug.SITE: (
            _add("stations_location", country=owner.country.code, time_zone=owner.time_zone),
            "Add a site",
        ),
        Slug.STATION: (_add("stations_chargingstation", location=site), "Add a station"),
        Slug.CONNECTORS: (_add("stations_evse", station=bare, number=bare and 1), "Add an EVSE"),
        Slug.ONLINE: (reverse("console:live"), "Open the live board"),
        Slug.TARIFF: (
            reverse("admin:tariffs_tariffversion_change", args=[draft]) if draft else _add("tariffs_tariff"),
            "Look at the draft" if draft else "Write a tariff",
        ),
        Slug.ASSIGNED: (_add("contracts_tariffassignment", tariff=known.newest_tariff), "Say where it applies"),
        Slug.STICKERS: (
            reverse("admin:stations_location_stickers", args=[site])
            if site
            else reverse("admin:stations_location_changelist"),
            "Print stickers",
        ),
        Slug.STRIPE: (reverse("admin:payments_stripeevent_changelist"), "Look at Stripe's events"),
        Slug.PAID: (
            reverse("adhoc:price", args=[code.code]) if code else reverse("admin:stations_paycode_changelist"),
            "Open a sticker's page",
        ),
    }


def _add(name: str, **filled: object) -> str:
    known = {field: value for field, value in filled.items() if value is not None}
    return reverse(f"admin:{name}_add", query=known or None)
