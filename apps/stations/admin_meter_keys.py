"""Keys of meters in the console: typed in, or reported by a station and adopted."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.accounts.domain.roles import HARDWARE_ROLES
from apps.accounts.scope import has_role, operator_of
from apps.accounts.tenant_admin import RelatedOnlyFieldListFilter, TenantAdmin, TenantForm
from apps.core import clock
from apps.stations import services
from apps.stations.meter_keys import MAX_CHARS, UnreadableKey, read_public_key
from apps.stations.models import MeterKey


class MeterKeyForm(TenantForm):
    public_key = forms.CharField(
        max_length=MAX_CHARS,
        widget=UnfoldAdminTextareaWidget,
        help_text="As printed on the meter or in its papers: hexadecimal, base64 or PEM.",
    )

    def clean_public_key(self) -> str:
        text = str(self.cleaned_data["public_key"])
        try:
            read_public_key(text)
        except UnreadableKey as error:
            raise ValidationError(str(error)) from error
        return text

    def clean(self) -> Any:
        cleaned = super().clean()
        evse = self.cleaned_data.get("evse")
        if evse is not None and evse.station != self.cleaned_data.get("station"):
            self.add_error("evse", "This EVSE belongs to another station.")
        return cleaned


@admin.register(MeterKey)
class MeterKeyAdmin(TenantAdmin):
    """Added by typing; a reported one counts once it is adopted. Never changed: another meter gets another key."""

    change_roles = HARDWARE_ROLES
    empty_hint = (
        "Add the public key printed on a meter, so that its signed values can be verified. A key that a station "
        "reports appears here and waits until you adopt it."
    )
    list_display = ("short_fingerprint", "station", "evse", "state", "source", "known_at", "valid_from", "valid_to")
    list_filter = (("station", RelatedOnlyFieldListFilter), "source", ("adopted_at", admin.EmptyFieldListFilter))
    list_select_related = ("station", "evse__station")
    search_fields = ("station__identity", "fingerprint")
    autocomplete_fields = ("station", "evse")
    fields = (
        ("station", "evse"),
        "public_key",
        ("algorithm", "fingerprint"),
        ("source", "known_at"),
        ("adopted_at", "adopted_by"),
        ("valid_from", "valid_to"),
    )
    actions_detail = ("adopt", "end")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fields(request, obj) if obj else ("station", "evse", "public_key", "valid_from")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **kwargs if obj else {**kwargs, "form": MeterKeyForm})

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: MeterKey, form: Any, change: bool) -> None:
        taken = services.add_meter_key(
            station_id=obj.station_id,
            evse_id=obj.evse_id,
            public_key=obj.public_key,
            by=operator_of(request),
            at=clock.now(),
            valid_from=obj.valid_from,
        )
        obj.pk, obj.fingerprint = taken.pk, taken.fingerprint

    @admin.display(description="key")
    def short_fingerprint(self, key: MeterKey) -> str:
        return key.short_fingerprint

    @display(description="state", label={"counts": "success", "waits for you": "warning", "ended": "info"})
    def state(self, key: MeterKey) -> str:
        if key.adopted_at is None:
            return "waits for you"
        return "ended" if key.valid_to is not None and key.valid_to <= clock.now() else "counts"

    def has_hardware_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, HARDWARE_ROLES)

    @action(description="Adopt", url_path="adopt", permissions=["hardware"], icon="verified_user")
    def adopt(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            services.adopt_meter_key(meter_key_id=key.pk, by=operator_of(request), at=clock.now())
            return "The key counts. Signed values that wait for it are verified within a minute."

        return self.act(
            request,
            obj=key,
            title=f"Adopt the key {key}",
            text="Compare it with the key printed on the meter first: whoever can pretend to be the station can report "
            f"a key. It reads: {key.public_key}",
            submit="Adopt the key",
            do=do,
        )

    @action(description="End", url_path="end", permissions=["hardware"], icon="block")
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            services.end_meter_key(meter_key_id=key.pk, at=clock.now())
            return "The key counts for nothing that is measured from now on."

        return self.act(
            request,
            obj=key,
            title=f"End the key {key}",
            text="For a meter that is taken out. What it has signed until now stays verified.",
            submit="End the key",
            do=do,
        )
