"""Who types a card into a hosted page: the double's form is filled in, Stripe's own by a person or a browser.

Stripe offers no call that pays a Checkout page, and its pages may refuse programs; so a person is asked by default. The
browser fills in the fields that Stripe's page is known to have, and was never tried on Stripe itself.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from apps.payments.sandbox import complete_checkout
from config.demo.telling import Say, StoryBroken

Cashier = Callable[[str, str], None]
"""(address of the page, card number): returns when the page has been paid on, or the card saved."""

CHROMIUM: Final = Path("/usr/bin/chromium")
PATIENCE_MS: Final = 60_000
_FIELDS: Final = {
    "#email": "driver@example.com",
    "#cardExpiry": "12 / 40",
    "#cardCvc": "123",
    "#billingName": "A Driver",
}
_CARD: Final = "[data-testid=card-accordion-item-button], #payment-method-accordion-item-title-card"


def at_the_double(address: str, card: str) -> None:
    """Fill in the double's form."""
    complete_checkout(address, card)


def by_hand(say: Say, wait: Callable[[str], object] = input) -> Cashier:
    """Ask whoever sits there to open the page, and wait until they say that it is done."""

    def pay(address: str, card: str) -> None:
        say(f"open {address}")
        say(f"  card {card}, any date to come, any three digits")
        wait("  press Enter when the page has let you go … ")

    return pay


def by_browser(address: str, card: str) -> None:
    """Fill in Stripe's page with the machine's chromium.

    :raises StoryBroken: there is no browser, or the page is not as it was known to be
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as missing:
        raise StoryBroken("--browser needs the packages of requirements-dev.txt") from missing
    try:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox"])
            page = chromium.new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.goto(address)
            page.wait_for_selector(f"#cardNumber, {_CARD}")
            if not page.is_visible("#cardNumber"):
                page.click(_CARD)
            page.fill("#cardNumber", card)
            for field, typed in _FIELDS.items():
                if page.is_visible(field):
                    page.fill(field, typed)
            page.click("button[type=submit]")
            page.wait_for_url(lambda url: url != address and "stripe.com" not in url)
            chromium.close()
    except Error as error:
        raise StoryBroken(f"Stripe's page could not be filled in ({error.message}): leave --browser out") from error
