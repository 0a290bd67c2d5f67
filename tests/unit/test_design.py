"""One design: the tones of the console are those of the customers' and the drivers' pages."""

import re

from config.settings import base

CSS = base.BASE_DIR / "static" / "css"
TONES = {"good", "good-bg", "warn", "warn-bg", "bad", "bad-bg", "calm", "calm-bg"}


def tones(css: str) -> dict[str, str]:
    """Return the colours that a stretch of style sheet gives to the tones."""
    return {name: colour for name, colour in re.findall(r"--wl-([a-z-]+): (#[0-9a-f]{6});", css) if name in TONES}


def test_the_faces_have_the_same_tones_in_light_and_in_dark():
    customers, console = ((CSS / name).read_text() for name in ("wattledger.css", "console.css"))
    light, dark = customers.split("@media (prefers-color-scheme: dark)", 1)
    bright, dim = console.split(".dark {\n", 1)

    assert tones(light).keys() == TONES
    assert tones(bright) == tones(light)
    assert tones(dim) == tones(dark)
