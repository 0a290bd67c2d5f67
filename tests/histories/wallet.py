"""A customer who pays in advance: top-ups, sessions on what is left, late readings, invoices, the rest given back."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from django.db import transaction

from apps.accounts.models import TaxRegistration
from apps.contracts.spending import Wish, reserve
from apps.core.domain.zones import zone
from apps.invoices.models import Invoice
from apps.invoices.services.billing import run_billing
from apps.payments.models import Payment, Wallet, WalletOffer
from apps.payments.sandbox import CheckoutRefused, answer_challenge, complete_checkout
from apps.payments.services.attempts import CheckoutUnavailable
from apps.payments.services.refunds import NotRefundable
from apps.payments.services.top_ups import NotToppedUp, open_top_up_page, sync_top_ups
from apps.payments.services.wallet_refunds import refund_wallet, refundable
from apps.payments.services.wallets import open_wallet
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.services.rating import price, write_cdr
from apps.tariffs.domain.facts import GrantTerms
from tests.factories import (
    Site,
    make_contract,
    make_evse,
    make_grant,
    make_location,
    make_session,
    make_station,
    make_token,
)
from tests.histories.afterwards import Afterwards, Move
from tests.histories.house import House
from tests.histories.town import Town
from tests.integration.invoices.world import facts_of, revise

GOOD: Final = "4242424242424242"
CARDS: Final = [*[GOOD] * 5, "4000000000000002", "4000002760003184", "4000000000009995"]
AMOUNTS: Final = ["10.00", "25.00", "50.00"]
KWH: Final = ["0", "0.4", "7.3", "18", "20", "41", "80"]
"""At 0.50 EUR, where a session reserves 10.00: the last two are of stations that did not stop when asked."""
BACK: Final = "https://wattledger.example/portal/prepaid/"


class Prepaid:
    """What may happen next to one wallet, whose top-ups are taxed at once as long as the seller is in one country."""

    SWEEPERS = ("payments.sweep_wallets", "payments.sweep_due", "payments.sweep_owed")

    def __init__(self, house: House, town: Town) -> None:
        self.house, self.town, self.dice = house, town, house.weather.dice
        contract = make_contract(customer=town.customer)
        self.site: Site = replace(town.site, contract=contract, token=make_token(contract=contract), vehicle=None)
        self.abroad: Site | None = None
        self.afterwards = Afterwards(house, town, documents=Invoice.objects.filter(contract=self.site.contract))
        self._page_url = ""
        bound = self.dice.choice(["0", "0", "5"])
        WalletOffer.objects.create(seller=self.site.owner, currency="EUR", bound=bound, session_amount=10)
        self.wallet: Wallet = open_wallet(contract_id=self.site.contract.pk, at=house.at)
        if self.dice.random() < 0.5:
            self._sell_abroad()

    def begin(self) -> None:
        """Let most have topped up, and many have charged, before anything goes wrong."""
        how_far = self.dice.choice(["nothing", "topped up", "charged", "charged", "billed"])
        if how_far == "nothing":
            return
        self._open_page("50.00")
        self._pay(GOOD)
        self.house.do("the customer comes back", self._come_back)
        if how_far != "topped up":
            self._plug_in()
            self._drive_away(self._live()[0], "20")
        if how_far == "billed":
            self._bill()
        self.house.work_off()

    def end(self) -> None:
        """Let whoever still charges drive away, and bill what is left."""
        for session in self._live():
            self._drive_away(session)
        self.house.pass_time(timedelta(days=1))
        self.house.come_to_rest()
        self._bill()

    def moves(self) -> list[Move]:
        """Return what somebody may do now, the likelier more often."""
        amount = self.dice.choice(AMOUNTS)
        live = self._live()
        moves: list[Move] = [(f"the customer asks for {amount}", lambda: self._open_page(amount))] * 3
        moves += [("the customer types a card", lambda: self._pay(self.dice.choice(CARDS)))] * bool(self._page_url) * 8
        moves += [("the customer comes back", self._come_back)] * 2
        moves += [("somebody plugs in", self._plug_in)] * 4
        if live:
            moves += [("somebody drives away", lambda: self._drive_away(self.dice.choice(live)))] * 6
        moves += [("a billing run", self._bill), ("a meter is read again", self._correct)] * 2
        moves += [("the rest is given back", self._give_back)] * 2
        if self.abroad is None:
            moves.append(("the seller opens in Austria", self._sell_abroad))
        return moves + self.afterwards.moves()

    def _sell_abroad(self) -> None:
        """From now on nobody knows at a top-up whose VAT will be due."""
        location = make_location(owner=self.site.owner, country="AT", time_zone="Europe/Vienna")
        TaxRegistration.objects.create(
            organisation=self.site.owner, country="AT", vat_id="ATU12345675", valid_from=date(2020, 1, 1)
        )
        station = make_station(location=location)
        self.abroad = replace(self.site, location=location, station=station, evse=make_evse(station=station))

    def _open_page(self, amount: str) -> None:
        def click() -> None:
            with suppress(NotToppedUp, CheckoutUnavailable):
                self._page_url = open_top_up_page(
                    wallet_id=self.wallet.pk,
                    amount=Decimal(amount),
                    success_url=BACK,
                    cancel_url=BACK,
                    at=self.house.at,
                )

        self._twice_at_once("a second click to top up", click)

    def _twice_at_once(self, again: str, click: Callable[[], None]) -> None:
        self.house.also.append((again, click))
        try:
            click()
        finally:
            self.house.also.pop()

    def _pay(self, card: str) -> None:
        with suppress(CheckoutRefused):
            location = complete_checkout(self._page_url, card)
            if "/c/3ds/" in location:
                answer_challenge(location, succeeds=self.dice.random() < 0.7)

    def _come_back(self) -> None:
        sync_top_ups(wallet_id=self.wallet.pk, at=self.house.at)

    def _live(self) -> list[ChargingSession]:
        return list(ChargingSession.objects.filter(status="live", contract=self.site.contract).order_by("pk"))

    @transaction.atomic
    def _plug_in(self) -> None:
        """Let a card begin where its wallet bears it, as `start_sessions` does for what comes over the wire."""
        busy = {session.evse_id for session in self._live()}
        free = [site for site in (self.site, self.abroad) if site is not None and site.evse.pk not in busy]
        if not free:
            return
        (held,) = reserve([Wish(contract_id=self.site.contract.pk, currency="EUR")])
        if held.refusal:
            self.house.steps.append(f"            {held.refusal}")
            return
        site, at = self.dice.choice(free), self.house.at
        grant = make_grant(
            site=site,
            token=f"CARD{ChargingSession.objects.count()}",
            evse=site.evse,
            contract=site.contract,
            granted_at=at,
            reserved_amount=held.amount,
        )
        grant.used_by_session = make_session(site=site, started_at=at, start_received_at=at)
        grant.save()

    def _drive_away(self, session: ChargingSession, kwh: str = "") -> None:
        self.house.pass_time(timedelta(minutes=self.dice.choice([5, 40, 600])))
        drawn = kwh or self.dice.choice(KWH)
        self.house.do(f"the session is settled at {drawn} kWh", lambda: self._settle(session, drawn))

    @transaction.atomic
    def _settle(self, session: ChargingSession, kwh: str) -> None:
        at = self.house.at
        session = ChargingSession.objects.get(pk=session.pk)
        session.status, session.ended_at, session.end_received_at, session.settled_at = "settled", at, at, at
        session.save()
        write_cdr(session, price(session, facts=facts_of(session, kwh=kwh), grant=GrantTerms()), at=at)

    def _correct(self) -> None:
        records = Cdr.objects.filter(session__contract=self.site.contract)
        record = records.order_by("-session", "-revision").first()
        if record is not None and record.revision < 3:
            revise(record, kwh=self.dice.choice(KWH))

    def _bill(self) -> None:
        until = self.house.at.astimezone(zone(self.site.owner.time_zone)).date()
        run_billing(seller_id=self.site.owner.pk, until_date=until, at=self.house.at)

    def _give_back(self) -> None:
        """Give back what is left; the second click bears what the first one saw."""
        seen = refundable(self.wallet)

        def click() -> None:
            with suppress(NotRefundable):
                refund_wallet(
                    wallet_id=self.wallet.pk, seen=seen, reason="asked", by=self.town.operator, at=self.house.at
                )

        self._twice_at_once("a second click to give the rest back", click)
        assert Payment.objects.filter(wallet=self.wallet).exists() or not seen
