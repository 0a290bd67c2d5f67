"""Which sessions a customer asks for: days, vehicle, driver, card, cost centre, contract, place.

What may be chosen is what the organisation has: another's id is no choice, so it finds nothing.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlencode

from django import forms
from django.db.models import Q
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Membership
from apps.accounts.scope import bought_rows
from apps.contracts.models import Contract, CostCentre, IdToken, Vehicle
from apps.core import clock
from apps.portal import selectors
from apps.sessions.models import ChargingSession
from apps.sessions.models.sessions import supply_end

NONE: Final = "-"
"""The choice of what names no vehicle, driver or cost centre."""

RECENT_DAYS: Final = 31
"""So many days are shown where nothing is asked for: adding up years takes long and answers nobody's first question."""
_ALL_DAYS: Final = "first="
"""What an address says that asks for nothing, not even for days."""
_PATHS: Final = {
    "vehicle": "vehicle",
    "driver": "token__driver",
    "card": "token__public_uid",
    "cost_centre": "cost_centre",
    "contract": "contract",
    "site": "station__location",
}
Choices = list[tuple[Any, Any]]
_DAY: Final = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class SessionFilter(forms.Form):
    """The filter of the sessions' pages, by GET; an address that asks for nothing is of the last days."""

    first = forms.DateField(label=_("From day"), required=False, widget=_DAY)
    last = forms.DateField(label=_("Until day"), required=False, widget=_DAY)
    vehicle = forms.ChoiceField(label=_("Vehicle"), required=False)
    driver = forms.ChoiceField(label=_("Driver"), required=False)
    card = forms.ChoiceField(label=_("Card"), required=False)
    cost_centre = forms.ChoiceField(label=_("Cost centre"), required=False)
    contract = forms.ChoiceField(label=_("Contract"), required=False)
    site = forms.ChoiceField(label=_("Place"), required=False)

    def __init__(self, data: QueryDict, *, membership: Membership) -> None:
        asks = any(name in data for name in self.base_fields)
        super().__init__(data if asks else {"first": recent_since(membership).isoformat()})
        self.membership = membership
        for name, choices in _choices_for(membership).items():
            self._offer(name, [("", _("All")), *choices])
        # Asked for when it is looked at: the days are known then.
        self._offer("site", lambda: [("", _("All")), *self._places])

    def _offer(self, name: str, choices: Choices | Callable[[], Choices]) -> None:
        field: Any = self.fields[name]
        field.choices = choices
        field.error_messages["invalid_choice"] = _("Choose one of the list.")

    @cached_property
    def _places(self) -> list[tuple[str, str]]:
        """Return where the sessions of the days asked for were, and the place asked for. Days are cleaned before."""
        mine = bought_rows(self.membership, ChargingSession.objects.all()).order_by("station__location__name")
        named = ("station__location", "station__location__name")
        found = dict(self._within(mine).values_list(*named).distinct())
        if (chosen := self.data.get("site", "")).isdecimal() and int(chosen) not in found:
            found |= dict(mine.filter(station__location=chosen).values_list(*named)[:1])
        return [(str(pk), name) for pk, name in found.items()]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and last < first:
            self.add_error("last", _("The last day is before the first one."))
        return cleaned

    @property
    def asked(self) -> dict[str, str]:
        """What was asked for, as an address has it."""
        return {name: self.data[name] for name in self.fields if self.data.get(name)}

    @property
    def query(self) -> str:
        """The same filter as an address has it, without the page."""
        return urlencode(self.asked) or _ALL_DAYS

    @property
    def is_narrow(self) -> bool:
        """Whether something besides days was asked for, or could not be read."""
        return bool(self.errors) or not self.asked.keys() <= {"first", "last"}

    def address_of(self, first: date | None, last: date | None) -> str:
        """Return the query of the same filter over other days; None: without a bound."""
        days = {"first": first and first.isoformat(), "last": last and last.isoformat()}
        return urlencode({name: value for name, value in {**self.asked, **days}.items() if value}) or _ALL_DAYS

    def sessions(self) -> Any:
        """Return the sessions asked for, newest first; none where a choice is nobody's or a day no day."""
        found = selectors.sessions_of(self.membership)
        if not self.is_valid():
            return found.none()
        asked = self.cleaned_data
        return self._within(found).filter(*(_is(_PATHS[name], asked[name]) for name in _PATHS if asked[name]))

    def _within(self, sessions: Any) -> Any:
        """Narrow sessions to the days asked for."""
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        zone = selectors.zone_of(self.membership)
        if first or last:
            sessions = sessions.alias(supply_end=supply_end())
        if first:
            sessions = sessions.filter(supply_end__gte=datetime.combine(first, time(), tzinfo=zone))
        if last:
            end = datetime.combine(last + timedelta(days=1), time(), tzinfo=zone)
            sessions = sessions.filter(supply_end__lt=end)
        return sessions


def recent_since(membership: Membership) -> date:
    """Return the first of the last days, on the organisation's clock."""
    today = clock.now().astimezone(selectors.zone_of(membership)).date()
    return today - timedelta(days=RECENT_DAYS - 1)


def _is(path: str, value: str) -> Q:
    if value != NONE:
        return Q(**{path: value})
    return Q(token__isnull=True) | Q(token__driver="") if path == "token__driver" else Q(**{f"{path}__isnull": True})


def _choices_for(membership: Membership) -> dict[str, Choices]:
    tokens = bought_rows(membership, IdToken.objects.all())
    drivers = tokens.exclude(driver="").order_by("driver").values_list("driver", flat=True).distinct()
    vehicles = bought_rows(membership, Vehicle.objects.all()).order_by("plate")
    centres = bought_rows(membership, CostCentre.objects.all()).order_by("code")
    contracts = bought_rows(membership, Contract.objects.all()).order_by("number")
    return {
        "vehicle": [(NONE, _("No vehicle")), *((str(one.pk), str(one)) for one in vehicles)],
        "driver": [(NONE, _("No driver")), *((name, name) for name in drivers)],
        "card": [(str(one.public_uid), card_label(one)) for one in tokens.order_by("driver", "uid")],
        "cost_centre": [(NONE, _("No cost centre")), *((str(one.pk), str(one)) for one in centres)],
        "contract": [(str(one.pk), one.number) for one in contracts],
    }


def card_label(card: IdToken) -> str:
    """Say which card it is: its driver's name, if it has one, and the end of its number."""
    return f"{card.driver} {card}".strip()
