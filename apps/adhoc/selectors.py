"""What the driver's pages show: what a pay code offers now, and how an attempt's charge stands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from django.conf import settings
from django.db.models import Q

from apps.adhoc.domain.progress import PAYABLE, Facts, Stage, stage_of
from apps.adhoc.domain.quote import NetPrices, Quote, make_quote
from apps.contracts.services import find_tariff
from apps.core.clock import to_epoch_ms
from apps.core.domain.zones import zone
from apps.invoices.domain.receipts import is_above_ceiling
from apps.invoices.models import Invoice
from apps.payments.domain.minimums import least_charge
from apps.payments.domain.status import WAITING_FOR_MONEY, AttemptStatus, RefundStatus
from apps.payments.models import Payment, PaymentAttempt
from apps.payments.selectors import owed_now
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import StartGrant
from apps.sessions.selectors import LiveSession, claimed_session, live_session
from apps.sessions.services.limits import is_stop_asked
from apps.stations.domain.status import ConnectorStatus
from apps.stations.models import ChargingStation, Evse, PayCode, StationCommand
from apps.stations.selectors import find_pay_code, find_start_commands
from apps.tariffs.domain.facts import VehicleState
from apps.tariffs.domain.matching import reachable_at
from apps.tariffs.domain.price_text import LineKind, PriceLine, price_text
from apps.tariffs.domain.rated import AdjustmentKind
from apps.tariffs.domain.sentences import Language
from apps.tariffs.domain.terms import Dimension
from apps.tariffs.models import TariffVersion

ONLINE_FOR: Final = timedelta(seconds=90)
"""A station that was heard of within this span will hear a start command."""
OUT_OF_ORDER: Final = frozenset({ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE})
_NOT_TOLD: Final = (LineKind.RESERVATION, LineKind.TAX, LineKind.FREE)
FREE: Final = frozenset(
    {ConnectorStatus.AVAILABLE, ConnectorStatus.PREPARING, ConnectorStatus.OCCUPIED, ConnectorStatus.UNKNOWN}
)
"""Whether somebody charges already at a connector with a cable in it, its session says."""


class Hindrance(StrEnum):
    """Why nobody can pay at a connector now."""

    OFFLINE = "offline"
    OUT_OF_ORDER = "out_of_order"
    TAKEN = "taken"
    NOT_PLUGGED = "not_plugged"
    NO_CARD = "no_card"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A connector as its pay code's page shows it.

    quote       None: no tariff for drivers applies here
    needs_buyer  a charge may cost more than a receipt without a buyer may come to
    taken_since when the session that runs here began
    """

    pay_code: PayCode
    version: TariffVersion | None
    quote: Quote | None
    hindrance: Hindrance | None
    taken_since: datetime | None

    @property
    def needs_buyer(self) -> bool:
        country = self.pay_code.connector.evse.station.location.country.code
        return self.quote is not None and is_above_ceiling(
            self.quote.hold_amount, currency=self.quote.currency, country=country
        )

    def shown(self) -> dict[str, Any]:
        """Return what of the price must still be so when the driver pays: version, prices, hold."""
        assert self.quote is not None, "only what has a price can be paid"
        assert self.version is not None
        return {
            "version": self.version.pk,
            "prices": [[part.dimension.value, str(part.price)] for part in self.quote.parts],
            "hold": str(self.quote.hold_amount),
        }


def find_offer(code: str, *, at: datetime) -> Offer | None:
    """Return what a pay code offers at ``at``; None for an unknown or revoked code."""
    pay_code = find_pay_code(code)
    if pay_code is None:
        return None
    evse = pay_code.connector.evse
    version = find_tariff(token=None, evse=evse, at=at).version
    quote = _quote(pay_code, version, at=at) if version else None
    live = claimed_session(evse.pk)
    return Offer(
        pay_code=pay_code,
        version=version,
        quote=quote,
        hindrance=Hindrance.NO_CARD if quote is None else _hindrance(pay_code, is_live=live is not None, at=at),
        taken_since=live.started_at if live else None,
    )


def _quote(pay_code: PayCode, version: TariffVersion, *, at: datetime) -> Quote | None:
    hold_max = settings.ADHOC_HOLD_MAX.get(version.currency)
    if hold_max is None:
        return None
    try:
        return make_quote(
            terms=version.terms(),
            max_power_w=pay_code.connector.max_power_w,
            time_zone=pay_code.connector.evse.station.location.time_zone,
            at=at,
            hold_min=least_charge(version.currency),
            hold_max=hold_max,
        )
    except NetPrices:
        return None


def _hindrance(pay_code: PayCode, *, is_live: bool, at: datetime) -> Hindrance | None:
    connector = pay_code.connector
    if not is_online(connector.evse.station, at=at):
        return Hindrance.OFFLINE
    if connector.status in OUT_OF_ORDER:
        return Hindrance.OUT_OF_ORDER
    if is_live or connector.status not in FREE or open_grants(connector.evse, at=at).exists():
        return Hindrance.TAKEN
    if connector.plugs_first and connector.status == ConnectorStatus.AVAILABLE:
        return Hindrance.NOT_PLUGGED
    return None


def is_online(station: ChargingStation, *, at: datetime) -> bool:
    return station.last_seen_at is not None and station.last_seen_at > at - ONLINE_FOR


def open_grants(evse: Evse, *, at: datetime) -> Any:
    """Return the grants of drivers who have paid for this EVSE and may still begin."""
    return StartGrant.objects.filter(
        evse=evse, contract__isnull=True, used_by_session__isnull=True, closed_at__isnull=True, expires_at__gt=at
    )


def attempt_of_page(page_key: str) -> PaymentAttempt | None:
    """Return the attempt made from a page, if its button was hit."""
    return PaymentAttempt.objects.filter(page_key=page_key).first() if page_key else None


def is_still_good(page_key: str, offer: Offer) -> bool:
    """Tell whether a page's attempt, if there is one, may still be paid and is for what the offer says now."""
    attempt = attempt_of_page(page_key)
    if attempt is None:
        return True
    return (
        attempt.status in WAITING_FOR_MONEY
        and offer.quote is not None
        and attempt.tariff_version_id == (offer.version and offer.version.pk)
        and attempt.hold_amount.amount == offer.quote.hold_amount
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesTold:
    """A tariff in words, beside the price that stands large on the page: the first of ``Quote.parts``.

    others        everything else that a charge may cost, in AFIR's order
    all_of_main   when which price of the large one's kind applies, where there are several
    is_by_amount  a charge that begins now may come to another of them by what it has used, not by the clock alone
    """

    others: tuple[PriceLine, ...]
    all_of_main: tuple[PriceLine, ...]
    is_by_amount: bool


def tell_prices(offer: Offer, *, language: Language, at: datetime) -> PricesTold | None:
    """Tell what an offer's charge may cost; None where nobody can be quoted a price. No reservation is sold here."""
    if offer.quote is None or offer.version is None:
        return None
    terms, connector = offer.version.terms(), offer.pay_code.connector
    wall = at.astimezone(zone(connector.evse.station.location.time_zone)).replace(tzinfo=None)
    text = price_text(terms, language=language, max_power_w=connector.max_power_w, on=wall.date())
    main = offer.quote.parts[0].dimension if offer.quote.parts else Dimension.ENERGY
    of_main = tuple(line for line in text.lines if line.kind == main.value)
    return PricesTold(
        others=tuple(line for line in text.lines if line not in of_main and line.kind not in _NOT_TOLD),
        all_of_main=of_main if len(of_main) > 1 or not offer.quote.parts else (),
        is_by_amount=len(reachable_at(terms, wall=wall).get(main, ())) > 1,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How an attempt's charge stands; see ``Stage``.

    live         None until the session begins · receipt  None until it is issued
    document     what charges the driver: the receipt, or the company's invoice in its stead
    to_pay       what is open and not disputed of it and can be paid by link, gross
    is_stopping  the station was asked to stop and has not refused
    standing     what ``live.idle_price`` means for the driver; "" where standing costs nothing, or nobody can say
    """

    attempt: PaymentAttempt
    stage: Stage
    live: LiveSession | None
    receipt: Invoice | None
    document: Invoice | None
    to_pay: Decimal
    is_stopping: bool
    standing: str


def find_attempt(token: str) -> PaymentAttempt | None:
    """Return the attempt that a driver's page hangs on."""
    attempts = PaymentAttempt.objects.select_related(
        "evse__station__location__owner", "tariff_version", "grant__used_by_session", "receipt"
    )
    return attempts.filter(token=token).first()


def progress_of(attempt: PaymentAttempt, *, at: datetime) -> Progress:
    """Derive where an attempt's charge stands."""
    live = live_session(attempt.grant_id, at) if attempt.grant_id else None
    command = start_command_of(attempt)
    document = document_of(attempt)
    to_pay = owed_now(document) if document else Decimal(0)
    stage = stage_of(
        Facts(
            attempt=attempt.status,
            has_receipt=document is not None,
            is_open=to_pay > 0,
            command=command.status if command else None,
            session=live.status.value if live else None,
        )
    )
    return Progress(
        attempt=attempt,
        stage=stage,
        live=live,
        receipt=attempt.receipt,
        document=document,
        to_pay=to_pay,
        is_stopping=_is_stopping(attempt),
        standing=_standing(live, stage, at=at),
    )


def _standing(live: LiveSession | None, stage: Stage, *, at: datetime) -> str:
    if live is None or live.idle_price is None or stage not in (Stage.CHARGING, Stage.FINALISING):
        return ""
    if stage == Stage.CHARGING and live.state != VehicleState.IDLE:
        return "if_full"
    return "ahead" if live.idle_price.from_ms > to_epoch_ms(at) else "now"


def document_of(attempt: PaymentAttempt) -> Invoice | None:
    """Return what charges the driver: the invoice to their company if there is one, else the receipt."""
    if attempt.receipt is None:
        return None
    return Invoice.objects.filter(replaces=attempt.receipt).first() or attempt.receipt


def _is_stopping(attempt: PaymentAttempt) -> bool:
    session = attempt.grant.used_by_session if attempt.grant else None
    if session is None or session.status != SessionStatus.LIVE:
        return False
    return is_stop_asked(session)


def start_command_of(attempt: PaymentAttempt) -> StationCommand | None:
    """Return the command by which the station was asked to start the attempt's charge."""
    if attempt.grant is None:
        return None
    # Grants of one EVSE are written one after the other, so that station, connector and instant name the command.
    starts = find_start_commands(station_id=attempt.grant.station_id, evse_number=attempt.evse.number)
    return starts.filter(requested_at=attempt.grant.granted_at).first()


def attempts_with_buyer() -> list[int]:
    """Return the attempts that are over and still know a buyer: to be invoiced, or forgotten."""
    over = PaymentAttempt.objects.filter(ended_at__isnull=False).exclude(buyer={})
    return list(over.order_by("pk").values_list("pk", flat=True))


def attempts_to_watch() -> list[int]:
    """Return the attempts whose hold stands while no session has begun; the start of each is due or under way."""
    waiting = PaymentAttempt.objects.filter(status=AttemptStatus.AUTHORISED).filter(
        Q(grant__isnull=True) | Q(grant__used_by_session__isnull=True)
    )
    return list(waiting.order_by("authorised_at", "pk").values_list("pk", flat=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of the hold, gross.

    charged   by the receipt; while it is not collected, what was paid all the same
    released  what the hold did not pay · refunded: given back later, for a credit note or as paid too much
    is_waived  it came to less than a card payment has to
    """

    charged: Decimal
    released: Decimal
    refunded: Decimal
    is_waived: bool


def settled_money(attempt: PaymentAttempt, receipt: Invoice) -> Settled:
    """Tell how the hold was divided between the receipt and the driver, and what was paid besides."""
    payments = list(Payment.objects.filter(Q(attempt=attempt) | Q(invoice=receipt)).prefetch_related("refunds"))
    paid = sum((payment.amount_received.amount for payment in payments), start=Decimal(0))
    held = sum((payment.amount_received.amount for payment in payments if payment.attempt_id), start=Decimal(0))
    is_settled = attempt.status not in PAYABLE
    given_back = [
        refund for payment in payments for refund in payment.refunds.all() if refund.status != RefundStatus.FAILED
    ]
    return Settled(
        charged=receipt.gross.amount if is_settled else paid,
        released=max(attempt.hold_amount.amount - (receipt.gross.amount if is_settled else held), Decimal(0)),
        refunded=sum((refund.amount.amount for refund in given_back), start=Decimal(0)),
        is_waived=not receipt.gross.amount and not attempt.is_free and _is_waived(receipt),
    )


def _is_waived(receipt: Invoice) -> bool:
    line = receipt.lines.filter(cdr__isnull=False).select_related("cdr").first()
    return line is not None and any(part["kind"] == AdjustmentKind.FLOOR for part in line.cdr.document["adjustments"])
