"""What a phone has to fetch and the database has to answer before a driver can pay."""

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from whitenoise.compress import Compressor

from .conftest import MINUTE, NOW, Driver
from .test_progress_page import KWH, Charge

MOST_BYTES = 100 * 1024
MOST_QUERIES = 15
"""The price page's server time is nearly all queries; the live page asks as often as there is a phone looking."""


def files_of(page: str) -> list[Path]:
    """Return what a page loads from us: style sheets, scripts, pictures, fonts."""
    names = re.findall(r'(?:href|src)="/static/([^"]+)"', page)
    found = [finders.find(name) for name in names]
    assert all(found), names
    return [Path(path) for path in found]


def as_served(path: Path, directory: Path) -> int:
    """Return a file's bytes as whitenoise serves it to a browser that knows gzip alone."""
    copy = directory / path.name
    copy.write_bytes(path.read_bytes())
    Compressor(use_brotli=False, quiet=True).compress(str(copy))
    compressed = copy.with_name(f"{copy.name}.gz")
    return (compressed if compressed.exists() else copy).stat().st_size


def test_the_first_load_of_the_price_page_is_no_more_than_100_kb(driver: Driver, tmp_path):
    page = driver.look()

    files = files_of(page)
    weight = len(page.encode()) + sum(as_served(path, tmp_path) for path in files)

    # With the page itself five requests, of which the first alone is waited for (``test_first_paint``).
    assert len(files) == 4
    assert not re.search(r"@import|@font-face|url\((?!['\"]?data:)", "".join(path.read_text() for path in files))
    assert weight <= MOST_BYTES


@pytest.mark.parametrize("page", ["price", "live", "receipt"])
def test_a_page_asks_the_database_seldom(driver: Driver, site, page, django_assert_max_num_queries):
    address = driver.address
    if page != "price":
        attempt = driver.pay()
        charge = Charge(attempt, site).begin().deliver(5 * KWH, at=NOW - 10 * MINUTE)
        address = f"/s/{attempt.token}/"
        if page == "receipt":
            charge.end(5 * KWH, at=NOW).price()
            address += "receipt/"

    with django_assert_max_num_queries(MOST_QUERIES if page != "receipt" else 30):
        assert driver.client.get(address).status_code == 200
