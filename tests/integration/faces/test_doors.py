"""Who gets through which door: every address, for every role, before one's own object and another tenant's.

``doors.csv`` says what is meant. A new address has no row, and the test says how to make one; a changed outcome is
either a hole or a decision, and whoever decided it writes the row. Pages are asked for, not rendered: what counts is
who is let in. An address that takes only POST is posted to with nothing in it, and everything is taken back. Ten
thousand are asked, so that nothing is done here for a page which nobody is shown.
"""

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.contrib import admin
from django.core.cache import cache
from django.db import connection, transaction
from django.shortcuts import loader
from django.template.response import SimpleTemplateResponse
from django.test import Client

from apps.documents import renderer
from apps.documents.renderer import Rendered
from tests.integration.addresses import addresses
from tests.integration.tenants import Tenant, ours, people_of, signed_in, theirs

__all__ = ["ours", "theirs"]

MATRIX = Path(__file__).with_name("doors.csv")
PAGE = project.BASE_DIR / "docs" / "doors-matrix.md"
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
    """Somebody's browser, and what a door says to them in a word.

    before  the savepoint to which every try is taken back
    """

    def __init__(self, before: str) -> None:
        super().__init__()
        self.before = before

    def tries(self, path: str) -> str:
        # Whatever is done by being let in is taken back, at the doors that sign out too.
        cookies = self.cookies.output()
        # So that nobody is turned away for what others tried: of ``by_itself``, no other test's cache.
        cache.clear()
        with taken_back(to=self.before):
            outcome = self._outcome(path)
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


@contextmanager
def taken_back(*, to: str) -> Iterator[None]:
    """Take back to a savepoint what is written within; most doors only read, and then the database is told nothing."""
    is_touched = False

    def note(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        nonlocal is_touched
        before, is_touched = is_touched, True
        found = execute(sql, *args)
        is_touched = before or not sql.startswith("SELECT")
        return found

    with connection.execute_wrapper(note):
        yield
    if is_touched or connection.needs_rollback:
        transaction.savepoint_rollback(to)
        transaction.set_rollback(False)


_BESIDE = ("prometheus", "whitenoise", "csp", "structlog")


@pytest.fixture
def by_itself(monkeypatch, settings):
    """Leave out what lets nobody in or out: drawing, measuring, logging, and what other tests do to the cache."""
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", property(lambda self: ""))
    monkeypatch.setattr(loader, "render_to_string", lambda *args, **kwargs: "")
    monkeypatch.setattr(type(admin.site), "each_context", lambda self, request: {})
    monkeypatch.setattr(
        renderer, "render", lambda html, **_: Rendered(content=b"", media_type="text/html", extension=".html")
    )
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if not any(beside in one for beside in _BESIDE)]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


def doors_of(tenant: Tenant) -> dict[str, Door]:
    """Return a browser of each role: of the fleet the fleet's, of the owner everybody else's."""
    people = people_of(tenant.owner, fleet=tenant.fleet.organisation, roles=ROLES)
    cookies = {role: signed_in(user).cookies for role, user in people.items()}
    before = transaction.savepoint()
    doors = {role: Door(before) for role in ROLES}
    for role, own in cookies.items():
        doors[role].cookies = own
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


def test_every_door_opens_to_whom_it_is_meant_for_and_to_nobody_else(ours, theirs, by_itself):
    pairs = list(zip(addresses(ours), addresses(theirs), strict=True))
    doors = doors_of(ours)

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
