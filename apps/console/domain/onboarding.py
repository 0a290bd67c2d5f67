"""From nothing to the first paid session: which steps there are, in which order, and which are done, told from facts.

Nobody ticks anything off: a step is done when it is true, and open again when it no longer is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Slug(StrEnum):
    LEGAL = "legal"
    TAX = "tax"
    SITE = "site"
    STATION = "station"
    CONNECTORS = "connectors"
    ONLINE = "online"
    TARIFF = "tariff"
    ASSIGNED = "assigned"
    STICKERS = "stickers"
    STRIPE = "stripe"
    PAID = "paid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is true of an organisation now.

    missing_legal     labels of legal data that is empty
    untaxed           countries it has or wants stations in and no tax registration for, their names
    bare_stations     stations without a connector · bare_connectors: connectors without a good pay code
    has_keys          the installation has a key of Stripe's · has_webhook: Stripe's events arrive and are verified
    paid              whether any session of its stations was paid for
    """

    missing_legal: Sequence[str]
    untaxed: Sequence[str]
    sites: int
    stations: int
    bare_stations: int
    seen_stations: int
    published_tariffs: int
    draft_tariffs: int
    assignments: int
    connectors: int
    bare_connectors: int
    has_keys: bool
    has_webhook: bool
    paid: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step as a person reads it.

    why    what it is good for · missing: what is still to be done, "" when it is done
    waits_for  an earlier step without which it cannot be done; None: it can be done now
    """

    slug: Slug
    title: str
    why: str
    missing: str = ""
    waits_for: Slug | None = None

    @property
    def is_done(self) -> bool:
        return not self.missing


def steps_of(facts: Facts) -> tuple[Step, ...]:
    """Return every step, in the order in which they are best done."""
    return (*_company(facts), *_hardware(facts), *_prices(facts), *_money(facts))


def next_step(steps: Sequence[Step]) -> Step | None:
    """Return the first open step that can be done now; None: nothing is left to do."""
    return next((step for step in steps if not step.is_done and step.waits_for is None), None)


def _company(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            slug=Slug.LEGAL,
            title="Complete your company's data",
            why="It stands on every receipt and invoice, as the law asks for.",
            missing=f"Still empty: {', '.join(facts.missing_legal)}." if facts.missing_legal else "",
        ),
        Step(
            slug=Slug.TAX,
            title="Add your tax registration",
            why="Electricity is taxed where the charger stands. Without a registration there, nothing can be priced.",
            missing=f"None in force for {', '.join(facts.untaxed)}." if facts.untaxed else "",
        ),
    )


def _hardware(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            slug=Slug.SITE,
            title="Add a site",
            why="Its address is on receipts, and its clock decides which price applies.",
            missing="" if facts.sites else "There is none yet.",
        ),
        Step(
            slug=Slug.STATION,
            title="Add a station and give it its key",
            why="Identity and key are what the station signs in with. The key is shown once.",
            missing="" if facts.stations else "There is none yet.",
            waits_for=None if facts.sites else Slug.SITE,
        ),
        Step(
            slug=Slug.CONNECTORS,
            title="Say which connectors it has",
            why="Each has a power, a price and a sticker of its own.",
            missing=_connectors_missing(facts),
            waits_for=None if facts.stations else Slug.STATION,
        ),
        Step(
            slug=Slug.ONLINE,
            title="See the station come online",
            why="Type the address, identity and key into the station. It then appears on the live board by itself.",
            missing="" if facts.seen_stations else "No station has signed in yet.",
            waits_for=None if facts.stations else Slug.STATION,
        ),
    )


def _connectors_missing(facts: Facts) -> str:
    if facts.bare_stations:
        return "One station has none." if facts.bare_stations == 1 else f"{facts.bare_stations} stations have none."
    return "" if facts.connectors else "There are none yet."


def _prices(facts: Facts) -> tuple[Step, ...]:
    draft = "A draft waits to be published." if facts.draft_tariffs else "There is none yet."
    return (
        Step(
            slug=Slug.TARIFF,
            title="Write and publish a tariff",
            why="A published tariff is a promise to drivers: it is never changed, only followed by another version.",
            missing="" if facts.published_tariffs else draft,
        ),
        Step(
            slug=Slug.ASSIGNED,
            title="Say where the tariff applies",
            why="For everybody, for a site, or for one contract. The narrowest wins.",
            missing="" if facts.assignments else "No tariff applies anywhere yet.",
            waits_for=None if facts.published_tariffs else Slug.TARIFF,
        ),
    )


def _money(facts: Facts) -> tuple[Step, ...]:
    has_price = facts.assignments and facts.published_tariffs
    return (
        Step(
            slug=Slug.STICKERS,
            title="Print the pay codes",
            why="Drivers scan the sticker, see the price and pay without an account.",
            missing=_stickers_missing(facts),
            waits_for=None if facts.connectors else Slug.CONNECTORS,
        ),
        Step(
            slug=Slug.STRIPE,
            title="Connect Stripe",
            why="It takes the cards. Its webhook tells when money has come.",
            missing=_stripe_missing(facts),
        ),
        Step(
            slug=Slug.PAID,
            title="Charge once and pay",
            why="Open a sticker's page on a telephone, pay, charge for a minute: the receipt proves the whole chain.",
            missing="" if facts.paid else "No session has been paid for yet.",
            waits_for=None if has_price and facts.seen_stations else Slug.ONLINE if has_price else Slug.ASSIGNED,
        ),
    )


def _stickers_missing(facts: Facts) -> str:
    if not facts.connectors:
        return "There is no connector to print one for."
    if not facts.bare_connectors:
        return ""
    return f"{facts.bare_connectors} of {facts.connectors} connectors have none."


def _stripe_missing(facts: Facts) -> str:
    if not facts.has_keys:
        return "The installation has no key of Stripe's (STRIPE_SECRET_KEY)."
    return "" if facts.has_webhook else "No event of Stripe's has arrived yet."
