"""`make screens`: a picture of every page, kept under docs/screens so that a change of looks is seen in a review.

Not collected by the suite. One sheet a page: a phone in light and in dark beside a desk's screen at half size, of the
console the desk alone unless it is used on a phone. Clock and chance stand still, and a sheet that shows the same as
the one kept is not written anew, so that a file changes only with its page.
"""

import io
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.test import Client
from PIL import Image

from apps.payments.sandbox import Sandbox
from tests.factories import Site
from tests.integration.addresses import addresses
from tests.integration.adhoc.conftest import Driver, driver, pay_code, sandbox, site
from tests.integration.faces.gallery import Gallery, Picture, alike, pictures
from tests.integration.faces.money_scenes import giving_back_scenes, long_list_scene
from tests.integration.faces.scenes import (
    console_scenes,
    driver_refusals,
    driver_scenes,
    fill_month,
    portal_scenes,
    second_factor_scenes,
)
from tests.integration.tenants import make_tenant, signed_in
from tests.journeys.browser import Browser

__all__ = ["driver", "pay_code", "sandbox", "site"]

FOLDER: Final = settings.BASE_DIR / "docs" / "screens"
NOW: Final = datetime(2026, 7, 15, 9, 30, tzinfo=UTC)
HIGHEST: Final = 1800
GAP: Final = 12
# The menu's scroll bar fades away within a second after a page was opened.
AT_REST: Final = ".simplebar-scrollbar::before { opacity: 0 !important }"


class View(NamedTuple):
    """A window: its width and height in pixels, how much smaller it is kept, and its colours."""

    width: int
    height: int = 500
    shrink: int = 1
    dark: bool = False


PHONE: Final = (View(390), View(390, dark=True))
DESK: Final = View(1440, shrink=2)
# The console's bars stand at the window's edges.
CONSOLE: Final = View(1440, height=900, shrink=2)
CONSOLE_PHONE: Final = View(390, height=844)
# What a technician opens in front of a charger, and what an owner looks at on the way.
ON_A_PHONE: Final = {
    *("admin:index", "console:live", "console:onboarding", "console:reviews", "console:review", "console:station"),
    *("console:station-live", "console:session", "console:find-charge", "console:customer", "console:refund"),
    *("console:to-give-back-three", "console:refund-again"),
}
# Pages that are the same for every model.
SAME_FOR_ALL: Final = ("_delete", "_history", "_autocomplete")


@pytest.fixture
def traveller(monkeypatch: pytest.MonkeyPatch) -> Iterator[time_machine.Traveller]:
    """Let clock and chance stand still."""
    chance = random.Random(2026).randbytes
    monkeypatch.setattr(os, "urandom", chance)
    monkeypatch.setattr(random, "_urandom", chance)
    # OpenSSL takes its chance elsewhere.
    monkeypatch.setattr(ec, "generate_private_key", lambda curve: ec.derive_private_key(_number(chance(31)), curve))
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def _number(chance: bytes) -> int:
    return int.from_bytes(chance, "big")


@pytest.fixture
def hung(traveller: time_machine.Traveller, driver: Driver, site: Site, sandbox: Sandbox) -> list[Picture]:
    """Every page whose name has SCREENS in it."""
    wanted = os.environ.get("SCREENS", "")
    # First, while this charge is the only one.
    charge = list(driver_scenes(driver, site, traveller))
    tenant = make_tenant("Nordlicht")
    fill_month(tenant)
    readers = {"console": signed_in(tenant.operator.user), "portal": signed_in(tenant.fleet.user), "driver": Client()}
    found = [
        picture
        for address in addresses(tenant)
        if not address.name.endswith(SAME_FOR_ALL) and wanted in address.name and address.face in readers
        for picture in pictures([address], readers[address.face])
    ]
    scenes = [*charge, *driver_refusals(), *portal_scenes(tenant), *second_factor_scenes(), *console_scenes()]
    scenes += [long_list_scene(tenant), *giving_back_scenes(sandbox)]
    return [*found, *(scene for scene in scenes if wanted in scene.address.name)]


def test_every_page_has_its_picture(hung):
    with Browser() as browser:
        browser.do(lambda: _hang(browser, hung))

    if not os.environ.get("SCREENS"):
        for file in set(FOLDER.rglob("*.webp")) - {FOLDER / _file_of(picture) for picture in hung}:
            file.unlink()
        (FOLDER / "README.md").write_text(_index(hung))


def _hang(browser: Browser, hung: list[Picture]) -> None:
    rooms = {
        view: Gallery(browser, width=view.width, height=view.height, dark=view.dark)
        for view in (*PHONE, DESK, CONSOLE, CONSOLE_PHONE)
    }
    for picture in hung:
        shots = [_shot(rooms[view], view, picture) for view in _views(picture)]
        _keep(_sheet(shots), FOLDER / _file_of(picture))
    for room in rooms.values():
        room.close()


def _views(picture: Picture) -> tuple[View, ...]:
    if picture.address.face != "console":
        return (*PHONE, DESK)
    return (CONSOLE_PHONE, CONSOLE) if picture.address.name in ON_A_PHONE else (CONSOLE,)


def _shot(room: Gallery, view: View, picture: Picture) -> Image.Image:
    page = room.show(picture)
    high = min(HIGHEST, page.evaluate("document.fonts.ready.then(() => document.documentElement.scrollHeight)"))
    taken = page.screenshot(
        full_page=True,
        clip={"x": 0, "y": 0, "width": view.width, "height": high},
        animations="disabled",
        style=AT_REST,
    )
    shot = Image.open(io.BytesIO(taken))
    return shot.convert("RGB").reduce(view.shrink)


def _sheet(shots: list[Image.Image]) -> Image.Image:
    """Lay the shots beside each other."""
    wide = sum(shot.width + GAP for shot in shots) + GAP
    sheet = Image.new("RGB", (wide, max(shot.height for shot in shots) + 2 * GAP), "#8b949e")
    left = GAP
    for shot in shots:
        sheet.paste(shot, (left, GAP))
        left += shot.width + GAP
    return sheet


def _keep(sheet: Image.Image, file: Path) -> None:
    """Write a sheet down, unless the one that is kept shows the same."""
    drawn = io.BytesIO()
    sheet.save(drawn, "WEBP", quality=40, method=4)
    if file.exists() and alike(Image.open(file).convert("RGB"), Image.open(drawn).convert("RGB")):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(drawn.getvalue())


def _file_of(picture: Picture) -> Path:
    space, _, name = picture.address.name.rpartition(":")
    face = picture.address.face
    return Path(face) / f"{name if space in (face, '', 'adhoc') else f'{space}-{name}'}.webp"


def _index(hung: list[Picture]) -> str:
    lines = [
        "# Every page as a picture",
        "",
        "Made by `make screens`: a phone in light and in dark, and a desk's screen at half size. Not edited by hand.",
    ]
    for face in ("driver", "portal", "console"):
        lines += ["", f"## {face.capitalize()}"]
        for picture in hung:
            if picture.address.face == face:
                file = _file_of(picture)
                lines += ["", f"### {file.stem}", "", f"![{picture.address.name}]({file})"]
    return "\n".join([*lines, ""])
