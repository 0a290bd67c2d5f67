"""WCAG 2.2 AA: axe finds nothing serious on any page of the house, in light and in dark."""

import os

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.integration.addresses import addresses
from tests.integration.faces.gallery import Gallery, Picture, pictures
from tests.integration.tenants import ours, signed_in
from tests.journeys.browser import CHROMIUM, Browser

__all__ = ["ours"]

OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
# The same page in the dark differs in its colours alone; whoever looks at all pages looks at everything again.
COLOURS = {**OPTIONS, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
# Icons are words of a font; a control that shows one alone has a name of its own (static/js/names.js).
ICONS_READ_ALOUD = """() => {
  const icons = Array.from(document.querySelectorAll(".material-symbols-outlined"));
  const nameless = icons.map((icon) => icon.closest("a, button")).filter((control) => {
    if (!control || control.ariaLabel || control.title) return false;
    const rest = control.cloneNode(true);
    rest.querySelectorAll(".material-symbols-outlined").forEach((icon) => icon.remove());
    return !rest.textContent.trim();
  });
  const spoken = icons.filter((icon) => icon.ariaHidden !== "true");
  return [...spoken, ...nameless].map((each) => each.outerHTML.slice(0, 120));
}"""
SERIOUS = {"serious", "critical"}
ALL = os.environ.get("AXE") == "all"


# Pages that stand for all that are made by the same templates; the rest is looked at by `make axe`.
LOOKED_AT = {
    *("admin:index", "admin:contracts_contract_changelist", "admin:contracts_contract_change"),
    *("admin:contracts_contract_add", "admin:tariffs_tariffversion_change", "admin:stations_chargingstation_change"),
    *("console:session", "console:invoice", "console:refund", "console:station", "console:customer", "console:live"),
    *("console:onboarding", "console:books", "console:review", "console:billing-run", "console:disputed-line"),
    *("portal:home", "portal:sessions", "portal:session", "portal:invoices", "portal:invoice", "portal:line"),
    *(
        "portal:cards",
        "portal:card",
        "portal:budgets",
        "portal:people",
        "portal:machines",
        "portal:offer",
        "portal:pay",
    ),
    *("portal:password", "portal:sign-ins", "portal:wallet", "portal:contract", "portal:invitation", "mfa_index"),
    *("adhoc:price", "adhoc:progress", "adhoc:find"),
}


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}")
class TestAccessibility:
    def test_axe_finds_nothing_serious_on_any_page(self, ours, client):
        """Of every page with ``AXE=all``, which takes minutes."""
        found = [address for address in addresses(ours) if ALL or address.name in LOOKED_AT]
        readers = {"console": signed_in(ours.operator.user), "portal": signed_in(ours.fleet.user), "driver": client}
        shown = [
            picture
            for face, reader in readers.items()
            for picture in pictures([address for address in found if address.face == face], reader)
        ]

        with Browser() as browser:
            faults = browser.do(lambda: _faults(browser, shown))

        assert faults == {}


def _faults(browser: Browser, shown: list[Picture]) -> dict[str, list[str]]:
    """Return what is wrong by rule: where, with the element."""
    axe, faults = Axe(), {}
    for dark in (False, True):
        gallery = Gallery(browser, width=1440, dark=dark)
        for picture in shown:
            page = gallery.show(picture)
            if spoken := page.evaluate(ICONS_READ_ALOUD):
                faults.setdefault("icon read aloud", []).append(f"{picture.address.name}: {spoken}")
            response = axe.run(page, options=COLOURS if dark and not ALL else OPTIONS).response
            for violation in response["violations"]:
                if violation["impact"] in SERIOUS:
                    where = f"{picture.address.name}{' in dark' if dark else ''}"
                    nodes = [node["html"][:160] for node in violation["nodes"][:2]]
                    faults.setdefault(violation["id"], []).append(f"{where}: {nodes}")
        gallery.close()
    return faults
