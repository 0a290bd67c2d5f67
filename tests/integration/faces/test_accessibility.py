"""WCAG 2.2 AA: axe finds nothing serious on any page of the house, in light and in dark."""

import os

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.integration.addresses import Address, addresses
from tests.integration.faces.gallery import Gallery, Picture, pictures
from tests.integration.tenants import ours, signed_in
from tests.journeys.browser import CHROMIUM, Browser

__all__ = ["ours"]

OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
SERIOUS = {"serious", "critical"}


# The console's pages of models are made by one set of templates: these stand for all of them.
MODELS = ("contracts_contract", "invoices_invoice", "stations_chargingstation", "tariffs_tariffversion")


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}")
class TestAccessibility:
    def test_axe_finds_nothing_serious_on_any_page(self, ours, client):
        """All models' pages with ``AXE=all``, which takes minutes."""
        found = [
            address for address in addresses(ours) if os.environ.get("AXE") == "all" or _stands_for_others(address)
        ]
        readers = {"console": signed_in(ours.operator.user), "portal": signed_in(ours.fleet.user), "driver": client}
        shown = [
            picture
            for face, reader in readers.items()
            for picture in pictures([address for address in found if address.face == face], reader)
        ]

        with Browser() as browser:
            faults = browser.do(lambda: _faults(browser, shown))

        assert faults == {}


def _stands_for_others(address: Address) -> bool:
    return not address.name.startswith("admin:") or any(model in address.name for model in MODELS)


def _faults(browser: Browser, shown: list[Picture]) -> dict[str, list[str]]:
    """Return what is wrong by rule: where, with the element."""
    axe, faults = Axe(), {}
    for dark in (False, True):
        gallery = Gallery(browser, width=1440, dark=dark)
        for picture in shown:
            response = axe.run(gallery.show(picture), options=OPTIONS).response
            for violation in response["violations"]:
                if violation["impact"] in SERIOUS:
                    where = f"{picture.address.name}{' in dark' if dark else ''}"
                    nodes = [node["html"][:160] for node in violation["nodes"][:2]]
                    faults.setdefault(violation["id"], []).append(f"{where}: {nodes}")
        gallery.close()
    return faults
