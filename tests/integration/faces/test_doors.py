"""Who gets through which door: every address, for every role, before one's own object and another tenant's.

``doors.csv`` says what is meant. A new address has no row, and the test says how to make one; a changed outcome is
either a hole or a decision, and whoever decided it writes the row. Pages are asked for, not rendered: what counts is
who is let in. An address that takes only POST is posted to with nothing in it, and everything is taken back.
"""

import csv
import os
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.shortcuts import loader
from django.template.response import SimpleTemplateResponse
from django.test import Client

from apps.accounts.domain.roles import Role
from tests.factories import make_member, make_user
from tests.integration.addresses import addresses
from tests.integration.tenants import Tenant, ours, signed_in, theirs

__all__ = ["ours", "theirs"]

MATRIX = Path(__file__).with_name("doors.csv")
PAGE = settings.BASE_DIR / "docs" / "doors-matrix.md"
ANEW = "DOORS_ANEW"
"""Set it to 1 and the test writes both files instead of comparing: read the difference before it is committed."""

ROLES = (
    *("anonymous", "fleet_user", "fleet_admin"),
    *("read_only", "technician", "support", "finance", "owner", "platform"),
)
# Another tenant's object is asked for by those who may most; whoever may less is let in nowhere that they are not.
STRANGERS = ("fleet_admin", "owner")
COLUMNS = ["address", *ROLES, *(f"{role}, another's" for role in STRANGERS)]


class Door(Client):
    """Somebody's browser, and what a door says to them in a word."""

    def tries(self, path: str) -> str:
        # Whatever is done by being let in is taken back, at the doors that sign out too.
        cookies = self.cookies.output()
        # So that nobody is turned away for what others tried.
        cache.clear()
        with transaction.atomic():
            outcome = self._outcome(path)
            transaction.set_rollback(True)
        self.cookies = SimpleCookie()
        self.cookies.load(cookies.replace("Set-Cookie: ", ""))
        return outcome

    def _outcome(self, path: str) -> str:
        try:
            answer: Any = self.get(path)
            if answer.status_code == 405:
                answer = self.post(path)
        except Exception:
            # It was let in and stumbled over what no browser would have sent.
            return "in"
        if answer.status_code == 302 and answer.url.startswith(("/portal/login/", "/admin/login/")):
            return "sign in"
        return str(answer.status_code) if answer.status_code in {401, 403, 404} else "in"


@pytest.fixture
def unrendered(monkeypatch):
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", property(lambda self: ""))
    monkeypatch.setattr(loader, "render_to_string", lambda *args, **kwargs: "")


def doors_of(tenant: Tenant) -> dict[str, Door]:
    """Return a browser of each role: of the fleet the fleet's, of the owner everybody else's."""
    members = {
        role: make_member(
            organisation=tenant.fleet.organisation if role.startswith("fleet") else tenant.owner,
            role=Role(role),
            user=make_user(is_staff=not role.startswith("fleet")),
        ).user
        for role in ROLES
        if role not in {"anonymous", "platform"}
    }
    members["platform"] = make_user(is_staff=True, is_superuser=True)
    doors = {"anonymous": Door()}
    for role, user in members.items():
        doors[role] = Door()
        doors[role].cookies = signed_in(user).cookies
    return doors


def measured(own: str, strange: str, doors: dict[str, Door]) -> dict[str, str]:
    row = {role: doors[role].tries(own) for role in ROLES}
    for role in STRANGERS:
        row[f"{role}, another's"] = "" if strange == own else doors[role].tries(strange)
    return row


def as_page(rows: list[dict[str, str]]) -> str:
    lines = [
        "# Who gets through which door",
        "",
        f"Made by `{ANEW}=1 pytest tests/integration/faces/test_doors.py`, held by it. *in*: let in · *sign in*: led "
        "to the sign-in · 401, 403: not for this role · 404: nothing there for them. Drivers have no account: whoever "
        "knows the token in an `adhoc` address is the driver, whatever else they are.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|" + "---|" * len(COLUMNS),
    ]
    lines += [
        "| " + " | ".join(f"`{row['address']}`" if c == "address" else row[c] for c in COLUMNS) + " |" for row in rows
    ]
    return "\n".join(lines) + "\n"


def test_every_door_opens_to_whom_it_is_meant_for_and_to_nobody_else(ours, theirs, unrendered):
    doors = doors_of(ours)

    pairs = zip(addresses(ours), addresses(theirs), strict=True)
    found = [{"address": own.name, **measured(own.path, strange.path, doors)} for own, strange in pairs]

    if os.environ.get(ANEW):
        with MATRIX.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(found)
        PAGE.write_text(as_page(found))
        pytest.skip("the matrix was written anew")
    with MATRIX.open() as file:
        meant = {row["address"]: row for row in csv.DictReader(file)}
    missing = [row["address"] for row in found if row["address"] not in meant]
    assert not missing, f"No row in {MATRIX.name} for {missing}: run {ANEW}=1 pytest {__file__} and read what it wrote."
    assert found == [meant[row["address"]] for row in found]
    assert PAGE.read_text() == as_page(found)
