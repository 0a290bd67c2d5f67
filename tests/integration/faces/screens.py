"""`make screens`: a picture of every page, kept under docs/screens so that a change of looks is seen in a review.

Not collected by the suite. One sheet a page: 390, 768 and 1440 pixels wide, light above dark, at half size.
"""

import io
import os
import shutil
from pathlib import Path
from typing import Final

import pytest
from django.conf import settings
from PIL import Image

from tests.integration.addresses import Address, addresses
from tests.integration.faces.gallery import Gallery, Picture, pictures
from tests.integration.tenants import make_tenant, signed_in
from tests.journeys.browser import Browser

FOLDER: Final = settings.BASE_DIR / "docs" / "screens"
WIDTHS: Final = (390, 768, 1440)
HIGHEST: Final = 1600
GAP: Final = 12
# Pages that are the same for every model.
SAME_FOR_ALL: Final = ("_delete", "_history", "_autocomplete")


@pytest.mark.django_db
def test_every_page_has_its_picture(client):
    tenant = make_tenant("Nordlicht")
    readers = {"console": signed_in(tenant.operator.user), "portal": signed_in(tenant.fleet.user), "driver": client}
    wanted = os.environ.get("SCREENS", "")
    found = [
        address
        for address in addresses(tenant)
        if not address.name.endswith(SAME_FOR_ALL) and wanted in address.name and address.face in readers
    ]
    hung = [
        picture
        for face, reader in readers.items()
        for picture in pictures([address for address in found if address.face == face], reader)
    ]
    if not wanted:
        shutil.rmtree(FOLDER, ignore_errors=True)
    with Browser() as browser:
        browser.do(lambda: _hang(browser, hung))
    if not wanted:
        (FOLDER / "README.md").write_text(_index([picture.address for picture in hung]))


def _hang(browser: Browser, hung: list[Picture]) -> None:
    galleries = [Gallery(browser, width=width, dark=dark) for dark in (False, True) for width in WIDTHS]
    for picture in hung:
        shots = [_shot(gallery, picture) for gallery in galleries]
        file = FOLDER / _file_of(picture.address)
        file.parent.mkdir(parents=True, exist_ok=True)
        _sheet(shots).save(file, "WEBP", quality=40, method=6)
    for gallery in galleries:
        gallery.close()


def _shot(gallery: Gallery, picture: Picture) -> Image.Image:
    page = gallery.show(picture)
    size = page.viewport_size
    assert size is not None
    high = min(HIGHEST, page.evaluate("document.documentElement.scrollHeight"))
    clip = {"x": 0, "y": 0, "width": size["width"], "height": high}
    shot = Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip)))  # type: ignore[arg-type]
    return shot.convert("RGB").resize((shot.width // 2, shot.height // 2), Image.Resampling.LANCZOS)


def _sheet(shots: list[Image.Image]) -> Image.Image:
    """Lay the shots in two rows, light above dark."""
    rows = [shots[: len(WIDTHS)], shots[len(WIDTHS) :]]
    highs = [max(shot.height for shot in row) for row in rows]
    wide = sum(width // 2 for width in WIDTHS) + GAP * (len(WIDTHS) + 1)
    sheet = Image.new("RGB", (wide, sum(highs) + GAP * 3), "#8b949e")
    top = GAP
    for row, high in zip(rows, highs, strict=True):
        left = GAP
        for shot in row:
            sheet.paste(shot, (left, top))
            left += shot.width + GAP
        top += high + GAP
    return sheet


def _file_of(address: Address) -> Path:
    space, _, name = address.name.partition(":")
    return Path(address.face) / f"{name if address.face == space else f'{space}-{name}'}.webp"


def _index(found: list[Address]) -> str:
    lines = [
        "# Every page as a picture",
        "",
        "Made by `make screens`; 390, 768 and 1440 pixels wide, light above dark, at half size. Not edited by hand.",
    ]
    for face in sorted({address.face for address in found}):
        lines += ["", f"## {face.capitalize()}", ""]
        lines += [f"- [{address.name}]({_file_of(address)})" for address in found if address.face == face]
    return "\n".join([*lines, ""])
