"""The review queue: the sessions that wait for a person, and a page for each to decide it.

A decision is asked for, priced by running it and taking it back, shown, and done only as it was shown.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.accounts.domain.roles import OPERATOR_ROLES, SUPPORT_ROLES
from apps.accounts.scope import has_role, operated_rows, operator_of
from apps.accounts.tenant_admin import ReasonForm
from apps.console.curve import curve_of
from apps.core import clock
from apps.core.clock import from_epoch_ms, to_epoch_ms
from apps.core.domain.moves import IllegalMove
from apps.core.words import kwh, money
from apps.sessions.errors import SessionError
from apps.sessions.explanation import explain_cdr
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.review_queue import ToldRegister, in_review, is_alarming, told_register
from apps.sessions.services.review import (
    Decision,
    accept_session,
    bill_between,
    bill_nothing,
    decide_as_shown,
    preview_decision,
)
from apps.tariffs.domain.facts import Reading

PER_PAGE: Final = 25
NOBODY: Final = "nobody"
"""Stands for the amount where a decision bills nobody."""


@require_GET
def reviews(request: HttpRequest) -> HttpResponse:
    """List the sessions in review, the longest waiting first."""
    if not has_role(request, OPERATOR_ROLES):
        raise PermissionDenied
    waiting = in_review().select_related("station__location", "evse", "contract__customer")
    page = Paginator(operated_rows(request, waiting), PER_PAGE).get_page(request.GET.get("page"))
    at = clock.now()
    rows = [(session, _age(session, at), is_alarming(session.waiting_since, at)) for session in page]
    return _page(request, "console/reviews.html", title="Review", page=page, rows=rows)


@require_http_methods(["GET", "POST"])
def review(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Show a session in review; a POST prices a decision, and does it when it says what it was shown."""
    session = _session(request, uid)
    may_decide = has_role(request, SUPPORT_ROLES)
    if request.method == "POST" and not may_decide:
        raise PermissionDenied
    register = told_register(session)
    forms_ = _forms(request, session, register)
    shown: dict[str, Any] = {}
    if request.method == "POST":
        form = forms_.get(request.POST.get("decision", ""))
        if form is None:
            raise Http404("no such decision")
        with timezone.override(ZoneInfo(session.time_zone)):
            outcome = _decide(request, session, form)
        if isinstance(outcome, HttpResponse):
            return outcome
        shown = outcome
    at = clock.now()
    return _page(
        request,
        "console/review.html",
        title=f"Review: {session}",
        session=session,
        zone=session.time_zone,
        age=_age(session, at),
        is_alarming=is_alarming(session.waiting_since, at),
        register=register,
        rows=_rows(register),
        curve=curve_of(register.readings, odd=register.odd),
        first_at=from_epoch_ms(register.readings[0].at_ms) if register.readings else None,
        last_at=from_epoch_ms(register.readings[-1].at_ms) if register.readings else None,
        forms=list(forms_.values()) if may_decide else [],
        **shown,
    )


class DecisionForm(ReasonForm):
    """One decision about a session; ``slug`` tells the page's forms apart, in field ids too."""

    slug = ""
    title = ""
    text = ""

    def __init__(self, session: ChargingSession, register: ToldRegister, data: Any = None) -> None:
        self.session, self.register = session, register
        super().__init__(data, auto_id=f"{self.slug}_%s")
        self.set_up()
        self.order_fields([name for name in self.fields if name != "reason"])

    def set_up(self) -> None:
        """Add what depends on the session."""

    def decision(self) -> Callable[..., Cdr | None]:
        """Return the service with what the form says, but for session, reason, person and time."""
        raise NotImplementedError


class AcceptForm(DecisionForm):
    slug, title = "accept", "Accept as it is"
    text = "From the begin to the end that the station told; readings that contradict them are left out."

    def decision(self) -> Callable[..., Cdr | None]:
        return accept_session


class NothingForm(DecisionForm):
    slug, title = "nothing", "Bill nothing"
    text = "The session is closed and nobody pays for it. What was delivered stays on the record."

    def decision(self) -> Callable[..., Cdr | None]:
        return bill_nothing


class BetweenForm(DecisionForm):
    """Begin and end: each one of the readings, or typed on the site's clock."""

    slug, title = "between", "Set begin and end"
    text = "Choose a reading for each, or type what is known from elsewhere: the display, the driver, the meter."

    def set_up(self) -> None:
        zone = ZoneInfo(self.session.time_zone)
        choices = [("", "typed below")] + [(_key(one), _label(one, zone)) for one in self.register.readings]
        for name, told in (("begin", self.register.begin), ("end", self.register.end)):
            self.fields[name] = forms.ChoiceField(
                choices=choices, required=False, widget=UnfoldAdminSelectWidget, initial=_key(told) if told else ""
            )
            self.fields[f"{name}_at"] = forms.DateTimeField(
                label=f"{name.capitalize()}, typed: when",
                required=False,
                widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local", "step": "1"}),
                help_text=f"On the site's clock ({self.session.time_zone}).",
            )
            self.fields[f"{name}_kwh"] = forms.DecimalField(
                label=f"{name.capitalize()}, typed: register in kWh",
                required=False,
                min_value=0,
                max_digits=15,
                decimal_places=6,
                widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
            )

    def clean(self) -> dict[str, Any]:
        cleaned = dict(super().clean() or self.cleaned_data)
        for name in ("begin", "end"):
            at, energy = cleaned.get(f"{name}_at"), cleaned.get(f"{name}_kwh")
            if cleaned.get(name):
                cleaned[f"{name}_reading"] = _reading(cleaned[name])
            elif at is not None and energy is not None:
                cleaned[f"{name}_reading"] = Reading(at_ms=to_epoch_ms(at), energy_milliwh=int(energy * 1_000_000))
            elif not {name, f"{name}_at", f"{name}_kwh"} & self.errors.keys():
                self.add_error(name, "Choose a reading, or type both when and how much.")
        return cleaned

    def decision(self) -> Callable[..., Cdr | None]:
        cleaned = self.cleaned_data
        return partial(bill_between, begin=cleaned["begin_reading"], end=cleaned["end_reading"])


def _rows(register: ToldRegister) -> list[dict[str, Any]]:
    return [
        {
            "at": from_epoch_ms(reading.at_ms),
            "energy_milliwh": reading.energy_milliwh,
            "is_begin": reading == register.begin,
            "is_end": reading == register.end,
            "is_odd": reading in register.odd,
        }
        for reading in register.readings
    ]


def _forms(request: HttpRequest, session: ChargingSession, register: ToldRegister) -> dict[str, DecisionForm]:
    """Return the decisions that a session allows, the one that was sent with its data."""
    is_metered = session.is_billable and session.kind == ChargingSession.Kind.CHARGE
    kinds = [AcceptForm] * session.is_billable + [BetweenForm] * is_metered + [NothingForm]
    sent = request.POST.get("decision")
    return {kind.slug: kind(session, register, request.POST if sent == kind.slug else None) for kind in kinds}


def _decide(request: HttpRequest, session: ChargingSession, form: DecisionForm) -> HttpResponse | dict[str, Any]:
    """Do what was shown, or show what would be done; a refusal stands in the form."""
    if not form.is_valid():
        return {}
    decide: Decision = partial(
        form.decision(),
        session_id=session.pk,
        reason=form.cleaned_data["reason"],
        by=operator_of(request),
        at=clock.now(),
    )
    try:
        if "shown" in request.POST:
            cdr = decide_as_shown(decide, shown_gross=_shown(request.POST["shown"]))
            messages.success(request, f"{session}: {_outcome(cdr)}.")
            return redirect("console:reviews")
        return _shown_decision(session, form, preview_decision(decide))
    except (SessionError, IllegalMove) as refusal:
        form.add_error(None, str(refusal))
        return {}


def _shown_decision(session: ChargingSession, form: DecisionForm, cdr: Cdr | None) -> dict[str, Any]:
    explained = explain_cdr(cdr, readings=list(session.readings.order_by("at", "energy_milliwh"))) if cdr else None
    return {
        "decided": form,
        "outcome": _outcome(cdr),
        "explained": explained,
        "shown": NOBODY if cdr is None else str(cdr.gross.amount),
        # Sent again with the confirmation, as it was understood.
        "kept": [(name, form.data.get(name, "")) for name in form.fields],
    }


def _outcome(cdr: Cdr | None) -> str:
    return "nobody is billed" if cdr is None else f"{money(cdr.gross)} for {kwh(cdr.energy_milliwh)}"


def _shown(text: str) -> Decimal | None:
    if text == NOBODY:
        return None
    try:
        return Decimal(text[:40])
    except InvalidOperation as error:
        raise Http404("no such amount") from error


def _session(request: HttpRequest, uid: UUID) -> Any:
    sessions = in_review().select_related(
        "station__location", "evse", "contract__customer", "tariff_version__tariff", "grant"
    )
    session = operated_rows(request, sessions).filter(uid=uid).first()
    if session is None:
        raise Http404(f"no session {uid} in review")
    return session


def _age(session: Any, at: datetime) -> str:
    """Say how long a session waits, in its largest unit."""
    waited = max(at - session.waiting_since, timedelta())
    for unit, name in ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute")):
        if count := waited // unit:
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "just now"


def _key(reading: Reading) -> str:
    return f"{reading.at_ms}:{reading.energy_milliwh}"


def _reading(key: str) -> Reading:
    at_ms, _, energy = key.partition(":")
    return Reading(at_ms=int(at_ms), energy_milliwh=int(energy))


def _label(reading: Reading, zone: ZoneInfo) -> str:
    return f"{from_epoch_ms(reading.at_ms).astimezone(zone):%Y-%m-%d %H:%M:%S} · {kwh(reading.energy_milliwh)}"


def _page(request: HttpRequest, template: str, *, title: str, **context: Any) -> HttpResponse:
    request.current_app = admin.site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})
