"""What tests of a station's pages share: the pages, the acts on them, and who does them."""

from django.test import Client
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.stations.models import StationCommand
from tests.factories import make_member, make_user
from tests.integration.tenants import signed_in

PAGES = ("station", "station-live", "station-frames", "station-commands", "station-configuration", "station-actions")


ACTS = (
    "start",
    "stop",
    "unlock",
    "reserve",
    "cancel-reservation",
    "reset",
    "availability",
    "trigger",
    "read-configuration",
    "change-configuration",
    "clear-cache",
    "send-list",
)


def act(station, slug: str) -> str:
    return reverse("console:station-act", args=[station.pk, slug])


def commands(station) -> list[tuple[str, dict]]:
    """Return what the station was asked through the console."""
    asked = StationCommand.objects.filter(station=station, requested_by__isnull=False).order_by("pk")
    return [(command.action, command.payload) for command in asked]


def colleague(tenant, role: Role) -> Client:
    return signed_in(make_member(organisation=tenant.owner, role=role, user=make_user(is_staff=True)).user)
