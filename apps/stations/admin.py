"""Hardware in the console: sites, stations and their keys, EVSEs, connectors, pay codes, and the commands sent."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action, display

from apps.accounts.domain.roles import HARDWARE_ROLES, MASTER_DATA_ROLES
from apps.accounts.scope import has_role, operator_of
from apps.accounts.tenant_admin import RelatedOnlyFieldListFilter, TenantAdmin, TenantTabular
from apps.core import clock
from apps.stations import admin_meter_keys, services  # noqa: F401 its class registers itself
from apps.stations.domain.status import CommandStatus, ConnectorStatus
from apps.stations.models import ChargingStation, Connector, Evse, Location, PayCode, StationCommand
from apps.stations.selectors import online
from apps.stations.stickers import pay_address

KEY_WAITS = "in use; a new one was sent and counts from its first use"
CONNECTOR_LABELS = {
    ConnectorStatus.AVAILABLE: "success",
    ConnectorStatus.CHARGING: "info",
    ConnectorStatus.FAULTED: "danger",
    ConnectorStatus.UNAVAILABLE: "warning",
}
COMMAND_LABELS = {
    CommandStatus.ACCEPTED: "success",
    CommandStatus.REJECTED: "danger",
    CommandStatus.TIMED_OUT: "warning",
}


class StationInline(TenantTabular):
    model = ChargingStation
    fields = ("identity", "vendor", "model", "last_seen_at")
    readonly_fields = fields
    show_change_link = True


@admin.register(Location)
class LocationAdmin(TenantAdmin):
    change_roles = MASTER_DATA_ROLES | HARDWARE_ROLES
    deletable = True
    owner_field = "owner"
    refusals = {"location_name_unique_per_owner": "You already have a location of this name."}
    empty_hint = "Start here: a location has the address and the time zone that prices follow. Then add its stations."
    list_display = ("name", "street", "postcode", "city", "country", "time_zone")
    search_fields = ("name", "street", "city")
    list_filter = ("city",)
    fields = ("name", "street", ("postcode", "city"), ("country", "time_zone"), "help_number")
    inlines: tuple[type[TenantTabular], ...] = (StationInline,)
    actions_detail = ("stickers",)

    def has_hardware_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, HARDWARE_ROLES)

    @action(description="Stickers", url_path="stickers", permissions=["hardware"], icon="qr_code_2")
    def stickers(self, request: HttpRequest, object_id: str) -> HttpResponse:
        location = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            services.add_missing_pay_codes(location_id=location.pk, at=clock.now())
            return HttpResponseRedirect(reverse("console:stickers", args=[location.pk]))

        return self.act(
            request,
            obj=location,
            title=f"Stickers for {location}",
            text="A sheet for the printer with one label a connector. A connector without a pay code gets one.",
            submit="Make the sheet",
            do=do,
        )


class EvseInline(TenantTabular):
    model = Evse
    change_roles = HARDWARE_ROLES
    fields = ("number",)
    show_change_link = True


class OnlineFilter(admin.SimpleListFilter):
    title = "connection"
    parameter_name = "connection"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("online", "online"), ("offline", "offline"), ("never", "never seen")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        is_online = online(clock.now())
        conditions = {
            "online": is_online,
            "offline": Q(last_seen_at__isnull=False) & ~is_online,
            "never": Q(last_seen_at__isnull=True),
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


@admin.register(ChargingStation)
class ChargingStationAdmin(TenantAdmin):
    change_roles = HARDWARE_ROLES
    deletable = True
    refusals = {
        "station_identity_unique_without_case": "A station with this identity exists already.",
        "station_with_certificate_names_its_serial": "Name the serial number that stands in its certificate.",
    }
    empty_hint = (
        "Add a station with the identity set in its menu. You then get its key, once, and the address it connects to."
    )
    list_display = ("identity", "location", "connection", "last_seen_at", "vendor", "model", "firmware_version")
    list_filter = (OnlineFilter, ("location", RelatedOnlyFieldListFilter), "registration", "security_profile")
    list_select_related = ("location",)
    search_fields = ("identity", "location__name", "location__city", "serial_number", "vendor", "model")
    csv_columns = {
        "station": lambda station: station.identity,
        "location": lambda station: station.location.name,
        "city": lambda station: station.location.city,
        "vendor": lambda station: station.vendor,
        "model": lambda station: station.model,
        "serial_number": lambda station: station.serial_number,
        "firmware": lambda station: station.firmware_version,
        "protocol": lambda station: station.protocol,
        "last_seen_at": lambda station: station.last_seen_at,
    }
    autocomplete_fields = ("location",)
    fields = (
        "location",
        "identity",
        "registration",
        "is_under_calibration_law",
        ("only_protocol", "protocol"),
        ("price_display", "shows"),
        ("security_profile", "used_profile", "key_state"),
        ("certificate_serial", "certificate_operator"),
        "make",
        "connection",
        "last_seen_at",
        "connected_at",
    )
    readonly_fields = (
        "shows",
        "make",
        "connection",
        "last_seen_at",
        "connected_at",
        "protocol",
        "used_profile",
        "key_state",
    )
    inlines = (EvseInline,)
    actions_list = ("adopt", "import_stations")
    actions_detail = ("operate", "reported", "renew_key", "new_key")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fields(request, obj) if obj else ("location", "identity")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # The charger knows itself by its identity; another name is another charger.
        return (*super().get_readonly_fields(request, obj), "identity") if obj else ()

    @display(description="connection", label={"online": "success", "offline": "danger", "never seen": "warning"})
    def connection(self, station: ChargingStation) -> str:
        if station.last_seen_at is None:
            return "never seen"
        return "online" if station.is_online(clock.now()) else "offline"

    @admin.display(description="make")
    def make(self, station: ChargingStation) -> str:
        words = (station.vendor, station.model, station.serial_number, station.firmware_version)
        return " · ".join(filter(None, words)) or "not told yet"

    @admin.display(description="what it says it can show")
    def shows(self, station: ChargingStation) -> str:
        parts = {
            "cost": station.shows_cost,
            "a driver's own tariff": station.shows_tariff,
            "the tariff while nobody charges": station.shows_messages,
        }
        shown = ", ".join(name for name, is_shown in parts.items() if is_shown) or "nothing"
        return f"{shown} (in {station.display_currency} alone)" if station.display_currency else shown

    @admin.display(description="key")
    def key_state(self, station: ChargingStation) -> str:
        if station.new_key_command is None:
            return "none yet" if not station.key_hash else "in use"
        return "in use; a new one is on its way" if station.new_key_command.ended_at is None else KEY_WAITS

    def has_hardware_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.may_change(request)

    @action(description="Adopt a charger", url_path="adopt", permissions=["hardware"], icon="sensor_door")
    def adopt(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("console:adopt"))

    @action(description="Renew key", url_path="renew-key", permissions=["hardware"], icon="autorenew")
    def renew_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        station = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            services.rotate_station_key(station_id=station.pk, at=clock.now(), requested_by=operator_of(request))
            return "The new key is on its way. Nobody sees it; the old one ends when the station comes with the new."

        return self.act(
            request,
            obj=station,
            title=f"Renew the key of {station}",
            text="A new key is made and sent to the station itself, while it is connected or within ten minutes. Both "
            "keys count until it first connects with the new one, so a lost answer locks nobody out.",
            submit="Send a new key",
            do=do,
            refused=(services.CommandRefused,),
        )

    @action(description="Import", url_path="import", permissions=["hardware"], icon="upload")
    def import_stations(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("console:import-stations"))

    @action(
        description="Connectors it reports", url_path="reported", permissions=["hardware"], icon="electrical_services"
    )
    def reported(self, request: HttpRequest, object_id: str) -> HttpResponse:
        station = self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("console:station-reported", args=[station.pk]))

    @action(description="Operate: start, stop, unlock", url_path="operate", permissions=["view"], icon="bolt")
    def operate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        station = self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("console:station", args=[station.pk]))

    @action(description="New key", url_path="new-key", permissions=["hardware"], icon="key")
    def new_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        station = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            key = services.set_station_key(station_id=station.pk)
            response = TemplateResponse(
                request,
                "admin/stations/key.html",
                {
                    **self.admin_site.each_context(request),
                    "title": f"Key of {station}",
                    "station": station,
                    "key": key,
                    "address": f"{request.get_host()}/ocpp/{station.identity}",
                    "is_secure": request.is_secure(),
                    "back": self.page_of(station),
                },
            )
            response["Cache-Control"] = "no-store"
            return response

        return self.act(
            request,
            obj=station,
            title=f"New key for {station}",
            text="The key is shown once. An old key ceases to work at once; a station that is connected stays so.",
            submit="Make a new key",
            do=do,
        )

    def response_add(self, request: HttpRequest, obj: ChargingStation, post_url_continue: Any = None) -> HttpResponse:
        if "_addanother" in request.POST or "_popup" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        return HttpResponseRedirect(reverse("admin:stations_chargingstation_new_key", args=[obj.pk]))


class ConnectorInline(TenantTabular):
    model = Connector
    change_roles = HARDWARE_ROLES
    fields = ("number", "kind", "max_power_w", "plugs_first", "status", "status_at")
    readonly_fields = ("status", "status_at")

    def get_extra(self, request: HttpRequest, obj: Evse | None = None, **kwargs: Any) -> int:
        # An EVSE without a connector cannot be charged at, so that a new one asks for its first.
        return 0 if obj else 1


@admin.register(Evse)
class EvseAdmin(TenantAdmin):
    change_roles = HARDWARE_ROLES
    deletable = True
    refusals = {"evse_number_unique_per_station": "This station already has an EVSE with this number."}
    empty_hint = "An EVSE is one place to charge. Give a station its EVSEs, and each EVSE its connectors."
    list_display = ("__str__", "location", "connectors_now")
    list_filter = (("station__location", RelatedOnlyFieldListFilter), "connectors__status")
    list_select_related = ("station__location",)
    search_fields = ("station__identity", "station__location__name")
    autocomplete_fields = ("station",)
    fields = ("station", "number")
    inlines = (ConnectorInline,)
    actions_detail = ("which_tariff",)

    @action(description="Which tariff applies?", url_path="which-tariff", permissions=["view"], icon="help")
    def which_tariff(self, request: HttpRequest, object_id: str) -> HttpResponse:
        evse = self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("console:which-tariff", query={"evse": evse.pk}))

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("connectors")

    @admin.display(ordering="station__location__name")
    def location(self, evse: Evse) -> str:
        return evse.station.location.name

    @admin.display(description="connectors")
    def connectors_now(self, evse: Evse) -> str:
        return ", ".join(f"{c.get_kind_display()} {c.max_power_w:,} W: {c.status}" for c in evse.connectors.all())


@admin.register(PayCode)
class PayCodeAdmin(TenantAdmin):
    empty_hint = "Open a location and make its sheet of stickers: each connector gets a code that drivers scan."
    list_display = ("short_code", "connector", "location", "state", "created_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("connector__evse__station__location",)
    search_fields = ("code", "connector__evse__station__identity", "connector__evse__station__location__name")
    fields = ("connector", "short_code", "page", ("created_at", "revoked_at"))
    readonly_fields = ("short_code", "page")
    actions_detail = ("revoke",)

    @admin.display(description="short code")
    def short_code(self, pay_code: PayCode) -> str:
        return pay_code.short_code

    @admin.display(ordering="connector__evse__station__location__name")
    def location(self, pay_code: PayCode) -> str:
        return pay_code.connector.evse.station.location.name

    @display(description="state", label={"good": "success", "revoked": "warning"})
    def state(self, pay_code: PayCode) -> str:
        return "revoked" if pay_code.revoked_at else "good"

    @admin.display(description="page")
    def page(self, pay_code: PayCode) -> str:
        address = pay_address(pay_code, base_url=settings.PUBLIC_URL)
        return format_html('<a class="wl-link" href="{}">{}</a>', address, address)

    def has_hardware_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, HARDWARE_ROLES)

    @action(description="Revoke", url_path="revoke", permissions=["hardware"], icon="block")
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        pay_code = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            services.revoke_pay_code(pay_code_id=pay_code.pk, at=clock.now())
            return f"{pay_code.short_code} leads nowhere from now on. Print a new sticker."

        return self.act(
            request,
            obj=pay_code,
            title=f"Revoke {pay_code}",
            text="For a sticker that is gone, copied or pasted over. A session that runs goes on; nothing undoes this.",
            submit="Revoke the code",
            do=do,
        )


@admin.register(StationCommand)
class StationCommandAdmin(TenantAdmin):
    empty_hint = "Remote starts, stops and unlocks appear here with the station's answer."
    list_display = ("requested_at", "station", "action", "state", "requested_by", "ended_at")
    list_filter = ("status", "action", ("station", RelatedOnlyFieldListFilter))
    list_select_related = ("station", "requested_by")
    search_fields = ("station__identity", "action")
    date_hierarchy = "requested_at"
    fields = (
        "station",
        "action",
        "payload",
        "reason",
        "status",
        ("requested_at", "requested_by"),
        ("sent_at", "deadline_at", "ended_at"),
        "answer",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        # What a display is told every half minute stands on the station's own page.
        return super().get_queryset(request).filter(topic="")

    @display(description="status", label=COMMAND_LABELS, ordering="status")
    def state(self, command: StationCommand) -> str:
        return command.status
