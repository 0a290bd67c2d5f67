"""The day's work at a station: a small form for each thing that somebody asks of it.

An act reads its form, writes what is wanted in the words of the station's version of OCPP, and asks once. What the
schema of the action does not allow is said in the form, and nothing is written.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from django import forms
from django.db.models import Q
from django.http import HttpRequest
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from apps.accounts.domain.roles import DRIVER_HELP_ROLES, HARDWARE_ROLES, Role
from apps.accounts.scope import operated_rows, operator_of
from apps.contracts.models import IdToken
from apps.contracts.selectors import cards_in_force
from apps.core import clock
from apps.ocpp.schema_form import schema_errors
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import ChargingSession
from apps.sessions.selectors import open_reservations
from apps.stations.domain import operating
from apps.stations.domain.calls import StationCall, start_call, stop_call, unlock_call
from apps.stations.domain.operating import ListUpdate, ResetKind, UnknownVariable
from apps.stations.domain.redaction import is_secret_name
from apps.stations.models import ChargingStation, Evse
from apps.stations.services import CommandRefused, ask_station, send_local_list

MOST_OFFERED: Final = 20
LIST_PATIENCE: Final = timedelta(minutes=10)
LOGIN_KEYS: Final = frozenset({"authorizationkey", "basicauthpassword", "securityctrlr.basicauthpassword"})


class Act(forms.Form):
    """One thing to ask of a station.

    slug    in its address · title, text, submit  what the page says · icon  of its button
    roles   who may · is_grave  whether its button is red
    """

    # A template that is handed an act asks what it is called; it must not make one.
    do_not_call_in_templates: ClassVar[bool] = True

    slug: ClassVar[str]
    title: ClassVar[str]
    text: ClassVar[str] = ""
    submit: ClassVar[str]
    icon: ClassVar[str] = "send"
    roles: ClassVar[frozenset[Role]] = HARDWARE_ROLES
    is_grave: ClassVar[bool] = False

    def __init__(self, request: HttpRequest, station: ChargingStation, data: Any = None, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        self.request, self.station = request, station
        self.set_up()

    def set_up(self) -> None:
        """Add what depends on the station."""

    @property
    def warning(self) -> str:
        """What somebody should know before they do it; "": nothing."""
        return ""

    def call(self) -> StationCall:
        """Return what is wanted, from the cleaned form.

        :raises UnknownVariable: a name in it is no variable of OCPP 2.0.1
        """
        raise NotImplementedError

    def ask(self, *, at: datetime) -> bool:
        """Ask the station; False: the form says what is wrong, and nothing was written."""
        try:
            call = self.call()
            self._check(call)
            if self.errors:
                return False
            ask_station(station_id=self.station.pk, call=call, at=at, requested_by=operator_of(self.request))
        except (CommandRefused, UnknownVariable) as refusal:
            self.add_error(None, str(refusal))
            return False
        return True

    def _check(self, call: StationCall) -> None:
        action, payload = call
        for error in schema_errors(self.station.protocol, action, payload):
            self.add_error(None, error)

    def add_evse(self, *, is_required: bool = True) -> None:
        """Let one of the station's EVSEs be chosen; not required: empty means the whole station."""
        empty = None if is_required else "the whole station"
        self.fields["evse"] = _EvseField(
            self.station.evses.prefetch_related("connectors"), required=is_required, empty_label=empty
        )

    @property
    def evse_number(self) -> int | None:
        evse: Evse | None = self.cleaned_data.get("evse")
        return None if evse is None else evse.number

    def live_sessions(self) -> Any:
        """Return who charges at the station now."""
        live = ChargingSession.objects.filter(station=self.station, status=SessionStatus.LIVE)
        return operated_rows(self.request, live)


class _EvseField(forms.ModelChoiceField):
    def __init__(self, queryset: Any, **kwargs: Any) -> None:
        super().__init__(queryset, label="EVSE", widget=UnfoldAdminSelectWidget, **kwargs)

    def label_from_instance(self, obj: Any) -> str:
        kinds = ", ".join(connector.get_kind_display() for connector in obj.connectors.all())
        return f"EVSE {obj.number} · {kinds}"


class CardAct(Act):
    """An act on one of the seller's cards, found by the last characters of its number, its contract or its plate."""

    card = forms.CharField(
        max_length=40,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="The last digits on the card, the contract's number, or the vehicle's plate.",
    )

    def set_up(self) -> None:
        self.add_evse()
        self.fields["token"] = _CardField(self._cards())
        self.fields["token"].widget = forms.HiddenInput()
        self.order_fields(["evse", "card", "token"])

    def _cards(self) -> Any:
        cards = cards_in_force(clock.now()).filter(seller=self.station.location.owner)
        return operated_rows(self.request, cards).select_related("contract__customer", "vehicle")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("token") is None and "token" not in self.errors:
            cleaned["token"] = self._find(cleaned.get("card", "").strip())
        token: IdToken | None = cleaned.get("token")
        most = operating.MOST_TOKEN_CHARS[self.station.protocol]
        if token is not None and len(token.uid) > most:
            self.add_error("card", f"This card's number has {len(token.uid)} characters; the station takes {most}.")
        return cleaned

    def _find(self, text: str) -> IdToken | None:
        if not text:
            self.add_error("card", "Say which card.")
            return None
        here = Q(uid__endswith=text.upper()) | Q(contract__number__iexact=text) | Q(vehicle__plate__iexact=text)
        found = list(self._cards().filter(here)[: MOST_OFFERED + 1])
        if len(found) == 1:
            return found[0]
        if not found:
            self.add_error("card", f"No card that may charge ends in “{text}”.")
        elif len(found) > MOST_OFFERED:
            self.add_error("card", f"More than {MOST_OFFERED} cards end in “{text}”: type more of it.")
        else:
            field = self.fields["token"]
            field.widget = UnfoldAdminSelectWidget()
            field.queryset = self._cards().filter(pk__in=[card.pk for card in found])  # type: ignore[attr-defined]
            self.add_error("card", "Several cards end so: choose one below.")
        return None


class _CardField(forms.ModelChoiceField):
    def __init__(self, queryset: Any) -> None:
        super().__init__(queryset, label="Which card?", required=False, widget=UnfoldAdminSelectWidget)

    def label_from_instance(self, obj: Any) -> str:
        vehicle = f" · {obj.vehicle}" if obj.vehicle else ""
        return f"{obj} · {obj.contract}{vehicle}"


class Start(CardAct):
    slug, title, submit, icon = "start", "Start a session", "Start", "play_arrow"
    text = (
        "The session runs on the card's contract and is priced as if the card had been held to the reader. Whether it "
        "may charge is decided when it starts."
    )
    roles = DRIVER_HELP_ROLES

    def call(self) -> StationCall:
        return start_call(
            self.station.protocol,
            evse_number=self.cleaned_data["evse"].number,
            token=self.cleaned_data["token"].uid,
            remote_start_id=_number(),
        )


class Stop(Act):
    slug, title, submit, icon = "stop", "Stop a session", "Stop", "stop"
    text = "The session ends as if the driver had ended it, and is billed for what was delivered until then."
    roles = DRIVER_HELP_ROLES
    is_grave = True

    def set_up(self) -> None:
        self.fields["session"] = _SessionField(self.live_sessions().select_related("evse", "contract__customer"))

    def call(self) -> StationCall:
        session = self.cleaned_data["session"]
        return stop_call(transaction_id=session.transaction_id, transaction_ref=session.transaction_ref)


class _SessionField(forms.ModelChoiceField):
    """One of the live sessions, named by its uid."""

    def __init__(self, queryset: Any) -> None:
        super().__init__(queryset, label="Session", to_field_name="uid", widget=UnfoldAdminSelectWidget)

    def to_python(self, value: Any) -> Any:
        try:
            UUID(str(value))
        except ValueError as error:
            raise forms.ValidationError(self.error_messages["invalid_choice"], code="invalid_choice") from error
        return super().to_python(value)

    def label_from_instance(self, obj: Any) -> str:
        return f"EVSE {obj.evse.number} · {obj.payer}"


class Unlock(Act):
    slug, title, submit, icon = "unlock", "Unlock a connector", "Unlock", "lock_open"
    text = "Lets go of a cable that is stuck. A running session is stopped by most stations."
    roles = DRIVER_HELP_ROLES

    def set_up(self) -> None:
        self.add_evse()

    def call(self) -> StationCall:
        return unlock_call(self.station.protocol, evse_number=self.cleaned_data["evse"].number)


class Reset(Act):
    slug, title, submit, icon = "reset", "Restart the station", "Restart", "restart_alt"
    text = "Soft ends sessions in good order first. Hard is the same as pulling the plug."
    is_grave = True

    kind = forms.ChoiceField(
        choices=[(ResetKind.SOFT.value, "soft"), (ResetKind.HARD.value, "hard")], widget=UnfoldAdminSelectWidget
    )

    def set_up(self) -> None:
        if self.warning:
            self.fields["sure"] = forms.BooleanField(
                label="Restart all the same",
                widget=UnfoldBooleanWidget,
                error_messages={"required": "A session is running: say that you want it all the same."},
            )

    @property
    def warning(self) -> str:
        count = self.live_sessions().count()
        if not count:
            return ""
        who = "A session is" if count == 1 else f"{count} sessions are"
        return f"{who} running at this station. A restart ends what runs; a hard one may lose its last readings."

    def call(self) -> StationCall:
        return operating.reset_call(self.station.protocol, ResetKind(self.cleaned_data["kind"]))


class Availability(Act):
    slug, title, submit, icon = "availability", "Take in or out of service", "Change", "power_settings_new"
    text = "Out of service, nobody can start here. A running session is brought to its end first."

    wanted = forms.ChoiceField(
        label="From now on",
        choices=[("Inoperative", "out of service"), ("Operative", "in service")],
        widget=UnfoldAdminSelectWidget,
    )

    def set_up(self) -> None:
        self.add_evse(is_required=False)

    def call(self) -> StationCall:
        is_operative = self.cleaned_data["wanted"] == "Operative"
        return operating.availability_call(
            self.station.protocol, is_operative=is_operative, evse_number=self.evse_number
        )


class ReadConfiguration(Act):
    slug, title, submit, icon = "read-configuration", "Read settings", "Read", "download"
    text = "Passwords and keys in the answer are masked before anything is kept."

    names = forms.CharField(
        label="Settings",
        required=False,
        max_length=4000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="One a line. Empty: all of them.",
    )

    def call(self) -> StationCall:
        names = [line.strip() for line in self.cleaned_data["names"].splitlines() if line.strip()]
        return operating.read_configuration_call(self.station.protocol, names, request_id=_number())


class ChangeConfiguration(Act):
    slug, title, submit, icon = "change-configuration", "Change a setting", "Change", "tune"
    text = "Read the setting again afterwards to see what the station made of it."

    name = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget(attrs={"spellcheck": "false"}))
    value = forms.CharField(max_length=2500, required=False, strip=False, widget=UnfoldAdminTextInputWidget)

    def set_up(self) -> None:
        if self.station.protocol != "1.6":
            self.fields["name"].help_text = "As the settings name it, such as AuthCtrlr.Enabled."
        if is_secret_name(str(self.initial.get("name") or self.data.get("name") or "")):
            self.fields["value"].widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
            self.fields["value"].help_text = "It can be set and never read back."

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        refuse_login_key(name)
        return name

    def call(self) -> StationCall:
        return operating.change_configuration_call(
            self.station.protocol, name=self.cleaned_data["name"], value=self.cleaned_data["value"]
        )


class Trigger(Act):
    slug, title, submit, icon = "trigger", "Ask for a message", "Ask", "campaign"
    text = "The station is asked to say something now instead of when it is due."

    message = forms.ChoiceField(widget=UnfoldAdminSelectWidget)

    def set_up(self) -> None:
        names = operating.TRIGGERS[self.station.protocol]
        self.fields["message"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        self.add_evse(is_required=False)

    def call(self) -> StationCall:
        return operating.trigger_call(
            self.station.protocol, message=self.cleaned_data["message"], evse_number=self.evse_number
        )


class ClearCache(Act):
    slug, title, submit, icon = "clear-cache", "Clear the cache", "Clear", "mop"
    text = "The station forgets which cards it has let charge, and asks for each again."

    def call(self) -> StationCall:
        return operating.clear_cache_call()


class SendList(Act):
    slug, title, submit, icon = "send-list", "Send the local list", "Send the list", "list_alt"

    @property
    def warning(self) -> str:
        too_long = len(self._uids(fitting=False)) - len(self._uids())
        left = f" {too_long} have numbers too long for it." if too_long else ""
        return (
            f"{len(self._uids())} cards may charge at this owner's stations; the station will take them even while it "
            f"is offline. Blocked cards are taken out of the list by themselves from then on.{left}"
        )

    def _uids(self, *, fitting: bool = True) -> list[str]:
        cards = cards_in_force(clock.now()).filter(seller=self.station.location.owner)
        uids = operated_rows(self.request, cards).values_list("uid", flat=True)
        most = operating.MOST_TOKEN_CHARS[self.station.protocol]
        return [uid for uid in uids if not fitting or len(uid) <= most]

    def ask(self, *, at: datetime) -> bool:
        send_local_list(
            station_id=self.station.pk,
            update=ListUpdate.FULL,
            added=self._uids(),
            at=at,
            deadline_at=at + LIST_PATIENCE,
            requested_by=operator_of(self.request),
        )
        return True


class Reserve(CardAct):
    slug, title, submit, icon = "reserve", "Reserve a connector", "Reserve", "event_available"
    text = (
        "Keeps it for a card until the time is over; nobody else can start there. What the tariff asks for it is "
        "billed to the card's contract, with the charge or if nobody comes; given up before, it costs nothing."
    )
    roles = DRIVER_HELP_ROLES

    minutes = forms.IntegerField(
        initial=30, min_value=1, max_value=720, widget=UnfoldAdminIntegerFieldWidget, help_text="From now on."
    )

    def call(self) -> StationCall:
        return operating.reserve_call(
            self.station.protocol,
            reservation_id=_number(),
            evse_number=self.cleaned_data["evse"].number,
            token=self.cleaned_data["token"].uid,
            expires_at=clock.now() + timedelta(minutes=self.cleaned_data["minutes"]),
        )


class CancelReservation(Act):
    slug, title, submit, icon = "cancel-reservation", "Give up a reservation", "Give up", "event_busy"
    roles = DRIVER_HELP_ROLES

    reservation = forms.TypedChoiceField(coerce=int, widget=UnfoldAdminSelectWidget)

    def set_up(self) -> None:
        open_ones = open_reservations(self.station.pk, at=clock.now())
        self.fields["reservation"].choices = [  # type: ignore[attr-defined]
            (one.reservation_id, f"EVSE {one.evse_number}, until {one.expires_at:%Y-%m-%d %H:%M} UTC")
            for one in open_ones
        ]

    def call(self) -> StationCall:
        return operating.cancel_reservation_call(reservation_id=self.cleaned_data["reservation"])


ACTS: Final[Mapping[str, type[Act]]] = {
    act.slug: act
    for act in (
        Start,
        Stop,
        Unlock,
        Reserve,
        CancelReservation,
        Reset,
        Availability,
        Trigger,
        ReadConfiguration,
        ChangeConfiguration,
        ClearCache,
        SendList,
    )
}


def signs_in_with(name: str) -> bool:
    """Say whether a setting holds what a station signs in with; names are compared without case."""
    return name.strip().lower() in LOGIN_KEYS


def refuse_login_key(name: str) -> None:
    """Refuse to set by hand what a station signs in with: it would be locked out.

    :raises forms.ValidationError: it is such a setting
    """
    if signs_in_with(name):
        raise forms.ValidationError(
            "The station signs in with this one: make a new key on the station's own page, which changes it on both "
            "sides."
        )


def _number() -> int:
    """Draw a number for what a station repeats to us, 1 … 2³¹−1."""
    return secrets.randbelow(2**31 - 1) + 1
