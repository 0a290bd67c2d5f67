"""Two drivers, one connector: pages, cards, charges from nothing to more than was held, and what comes of them."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Final

from django.db import transaction

from apps.adhoc.services.ending import stop_or_cancel
from apps.invoices.domain.receipts import Buyer
from apps.invoices.errors import NotCreditable, NotReplaceable
from apps.invoices.models import Invoice
from apps.payments.models import PaymentAttempt
from apps.payments.sandbox import CheckoutRefused, answer_challenge, complete_checkout
from apps.payments.services import attempts
from apps.payments.services.attempts import AttemptOver, CheckoutUnavailable, NotReleasable
from apps.payments.services.company import invoice_company
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.services.rating import price, write_cdr
from apps.stations.models import Connector, StationCommand
from apps.tariffs.domain.facts import GrantTerms
from tests.factories import make_session
from tests.histories.afterwards import Afterwards, Move
from tests.histories.house import House
from tests.histories.town import Town
from tests.integration.invoices.world import facts_of, revise

HOLD: Final = Decimal("25.00")
CARDS: Final = [
    *["4242424242424242"] * 6,
    "4000000000000002",
    "4000000000009995",
    "4000002760003184",
    "4000000000000259",
    "4000000000000341",
]
KWH: Final = ["0", "0.4", "1.7", "20", "20", "49.99", "50", "80"]
"""At 0.50 EUR; what comes to less than 0.50 EUR is waived, 50 is all that was held."""
GIVING_UP: Final = 0.15
"""In so many moments somebody may give up who has not begun to charge."""
BUYER: Final = Buyer(name="Muster GmbH", street="Allee 1", postcode="10115", city="Berlin", country="DE")
BACK: Final = "https://wattledger.example/s/token/"


class Drivers:
    """What may happen next around one connector."""

    SWEEPERS = ("adhoc.sweep_starts", "payments.sweep_expiring")

    def __init__(self, house: House, town: Town) -> None:
        self.house, self.town, self.dice = house, town, house.weather.dice
        self.afterwards = Afterwards(house, town, documents=Invoice.objects.filter(customer=None))
        self._paid: set[int] = set()
        self._open_the_station()

    def moves(self) -> list[Move]:
        """Return what somebody may do now, the likelier more often."""
        moves: list[Move] = []
        found = list(PaymentAttempt.objects.select_related("grant__used_by_session").order_by("pk"))
        if len(found) < 2:
            moves += [("a driver scans", self._scan)] * (1 if found else 6)
        for attempt in found:
            moves += self._moves_of(attempt)
        return moves + self.afterwards.moves()

    def begin(self) -> None:
        """Let a driver get as far as they mostly do before anything goes wrong: nowhere, to a hold, to a receipt."""
        how_far = self.dice.choice(["nowhere", "held", "charged", "charged", "charged"])
        if how_far == "nowhere":
            return
        self._scan()
        attempt = PaymentAttempt.objects.get()
        complete_checkout(attempt.checkout_url, "4242424242424242")
        self._paid.add(attempt.pk)
        self.house.do("the driver comes back", lambda: self._come_back(attempt))
        self.house.work_off()
        if how_far == "charged":
            attempt = PaymentAttempt.objects.get()
            self._plug_in(attempt)
            assert attempt.grant is not None, "nobody else is there"
            self._drive_away(attempt.grant.used_by_session)
            self.house.work_off()

    def end(self) -> None:
        """Let whoever still charges drive away, and whoever still looks at a page give up."""
        for session in ChargingSession.objects.filter(status="live", contract=None):
            self._drive_away(session)

    def _moves_of(self, attempt: PaymentAttempt) -> list[Move]:
        name = f"driver {attempt.page_key}"
        grant = attempt.grant
        moves: list[Move] = []
        if attempt.status in ("created", "checkout_open"):
            moves += [(f"{name} clicks", lambda: self._click(attempt))] * (1 if attempt.checkout_url else 8)
            moves += [(f"{name} types a card", lambda: self._type(attempt))] * self._is_payable(attempt) * 12
            moves += [(f"{name} comes back", lambda: self._come_back(attempt))] * 3
        if attempt.status in ("created", "checkout_open", "authorised") and self.dice.random() < GIVING_UP:
            moves.append((f"{name} gives up", lambda: self._give_up(attempt)))
        if attempt.status == "authorised" and grant is None:
            moves += [("the worker looks for starts", lambda: self.house.sweep("adhoc.sweep_starts"))] * 6
        if attempt.status == "authorised" and grant is not None:
            if grant.used_by_session is None and grant.closed_at is None:
                moves += [(f"{name} plugs in", lambda: self._plug_in(attempt))] * 12
            elif grant.used_by_session is not None and grant.used_by_session.status == "live":
                moves += [(f"{name} drives away", lambda: self._drive_away(grant.used_by_session))] * 8
        if grant is not None and grant.used_by_session is not None and attempt.receipt_id is not None:
            moves.append((f"{name}'s meter is read again", lambda: self._correct(grant.used_by_session)))
            moves.append((f"{name} wants an invoice", lambda: self._for_company(attempt.receipt_id)))
        return moves

    def _open_the_station(self) -> None:
        Connector.objects.filter(evse=self.town.site.evse).update(status="Available", status_at=self.house.at)

    def _scan(self) -> None:
        key = f"{PaymentAttempt.objects.count() + 1}"

        def click() -> None:
            attempt = attempts.create_attempt(
                evse_id=self.town.site.evse.pk,
                seller_id=self.town.site.owner.pk,
                tariff_version_id=self.town.site.version.pk,
                pay_code="4fXo1Qy7TtZbW2mKc9RsLp",
                hold_amount=HOLD,
                currency="EUR",
                language="en",
                at=self.house.at,
                page_key=key,
            )
            self._open_page(attempt)

        self._twice_at_once(f"driver {key} clicks again", click)

    def _click(self, attempt: PaymentAttempt) -> None:
        self._twice_at_once(f"driver {attempt.page_key} clicks again", lambda: self._open_page(attempt))

    def _twice_at_once(self, again: str, deed: Callable[[], object]) -> None:
        """Click, and let a second click come while the first one's call is under way, if the dice want it."""
        self.house.also.append((again, lambda: _tolerantly(deed)))
        try:
            _tolerantly(deed)
        finally:
            self.house.also.pop()

    def _open_page(self, attempt: PaymentAttempt) -> None:
        attempts.open_checkout(attempt_id=attempt.pk, success_url=BACK, cancel_url=BACK, at=self.house.at)

    def _type(self, attempt: PaymentAttempt) -> None:
        # The page is Stripe's and the driver's: no process of ours has a part in it.
        with suppress(CheckoutRefused):
            location = complete_checkout(attempt.checkout_url, self.dice.choice(CARDS))
            if "/c/3ds/" in location:
                location = answer_challenge(location, succeeds=self.dice.random() < 0.7)
            if location.startswith(BACK):
                self._paid.add(attempt.pk)

    def _is_payable(self, attempt: PaymentAttempt) -> bool:
        return bool(attempt.checkout_url) and attempt.pk not in self._paid

    def _come_back(self, attempt: PaymentAttempt) -> None:
        attempts.sync_attempt(attempt_id=attempt.pk, at=self.house.at)

    def _give_up(self, attempt: PaymentAttempt) -> None:
        def click() -> None:
            with suppress(NotReleasable):
                stop_or_cancel(attempt_id=attempt.pk, at=self.house.at)

        self._twice_at_once("a second click to give up", click)

    @transaction.atomic
    def _plug_in(self, attempt: PaymentAttempt) -> None:
        """Let the station start on the grant, as `start_session` does for what comes over the wire."""
        grant = attempt.grant
        assert grant is not None
        StationCommand.objects.filter(station=grant.station_id).update(
            status="accepted", sent_at=self.house.at, ended_at=self.house.at
        )
        grant.used_by_session = make_session(
            site=self.town.site, contract=None, token=None, vehicle=None, started_at=self.house.at,
            start_received_at=self.house.at,
        )  # fmt: skip
        grant.save()

    def _drive_away(self, session: ChargingSession) -> None:
        self.house.pass_time(timedelta(minutes=self.dice.choice([5, 40, 600])))
        kwh = self.dice.choice(KWH)
        is_cut = self.dice.random() < 0.7
        self.house.do(f"the session is settled at {kwh} kWh", lambda: self._settle(session, kwh, is_cut=is_cut))

    @transaction.atomic
    def _settle(self, session: ChargingSession, kwh: str, *, is_cut: bool) -> None:
        """Settle and rate; one in a few is not cut by the ceiling, as when a station did not hear the stop."""
        at = self.house.at
        session = ChargingSession.objects.get(pk=session.pk)
        session.status, session.ended_at, session.end_received_at, session.settled_at = "settled", at, at, at
        session.save()
        terms = GrantTerms(limit_amount=HOLD if is_cut else None, waive_below=Decimal("0.50"))
        write_cdr(session, price(session, facts=facts_of(session, kwh=kwh), grant=terms), at=at)

    def _correct(self, session: ChargingSession) -> None:
        record = Cdr.objects.filter(session=session).order_by("-revision").first()
        if record is not None and record.revision < 3:
            revise(record, kwh=self.dice.choice(KWH))

    def _for_company(self, receipt_id: int) -> None:
        with suppress(NotReplaceable):
            invoice_company(receipt_id=receipt_id, buyer=BUYER, at=self.house.at)


def _tolerantly(deed: Callable[[], object]) -> None:
    with suppress(AttemptOver, CheckoutUnavailable, NotCreditable):
        deed()
