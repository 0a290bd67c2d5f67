"""The price page is shown by what it carries itself, and looks then as it does when its style sheets have come."""

import io
import re
from dataclasses import replace

import pytest
from django.http import HttpResponse
from PIL import Image

from apps.adhoc.first_style import FIRST_STYLE_SOURCE
from tests.integration.addresses import Address
from tests.integration.faces.gallery import Gallery, Picture, alike
from tests.journeys.browser import CHROMIUM, Browser

from .conftest import NOW, Driver, phone, sell_under, set_station, text_of

LATER_SHEETS = re.compile(rb'<link rel="stylesheet"[^>]*>')
SEVERAL = [
    {
        "price_components": [{"type": "ENERGY", "price": "0.49"}, {"type": "FLAT", "price": "1.00"}],
        "restrictions": {"start_time": "00:00", "end_time": "12:00"},
    },
    {"price_components": [{"type": "ENERGY", "price": "0.39"}, {"type": "PARKING_TIME", "price": "6.00"}]},
]
"""Prices that fill the page: what comes next, a fee, what standing costs, and all of them to be opened."""


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}")
def test_what_comes_first_looks_like_what_comes_after(driver: Driver, site):
    sell_under(site, elements=SEVERAL, texts={"en": "Roof of 2.10 m"})
    shown = {"ready": driver.client.get(driver.address)}
    shown["changed, in German"] = phone().post(driver.address, {"shown": "x"}, headers={"accept-language": "de"})
    set_station(site, status="Faulted")
    shown["out of order"] = driver.client.get(driver.address)
    set_station(site, status="Charging")
    shown["taken"] = driver.client.get(driver.address)
    set_station(site, seen_at=NOW)
    driver.pay()
    shown["one's own"] = driver.client.get(driver.address)

    with Browser() as browser:
        differ = browser.do(lambda: _differences(browser, shown))

    assert differ == []


def test_the_page_waits_for_nothing_but_itself(driver: Driver):
    response = driver.client.get(driver.address)
    head, _, body = text_of(response).partition("</head>")
    policy = response.headers["Content-Security-Policy"]

    assert re.findall(r'<link rel="(\w+)"|<(script|style)', head) == [("icon", ""), ("", "style")]
    assert body.count('rel="stylesheet"') == 3
    assert body.index("</footer>") < body.index('rel="stylesheet"')
    assert FIRST_STYLE_SOURCE in policy
    assert "unsafe" not in policy
    # No other page may carry a style of its own.
    assert "style-src" not in driver.client.get("/find/").headers["Content-Security-Policy"]


def _differences(browser: Browser, shown: dict[str, HttpResponse]) -> list[str]:
    """Return which pages look otherwise without their style sheets, on a phone in light and in dark."""
    differ = []
    for dark in (False, True):
        gallery = Gallery(browser, width=390, dark=dark)
        for name, response in shown.items():
            whole = Picture.of(Address(name, "/"), response)
            first = replace(whole, html=LATER_SHEETS.sub(b"", whole.html))
            assert first.html != whole.html
            if not alike(_look(gallery, first), _look(gallery, whole)):
                differ.append(f"{name}{' in dark' if dark else ''}")
        gallery.close()
    return differ


def _look(gallery: Gallery, picture: Picture) -> Image.Image:
    page = gallery.show(picture)
    for details in page.locator("details").all():
        details.evaluate("details => details.open = true")
    return Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
