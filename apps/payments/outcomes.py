"""What a call to Stripe can come to, and the shapes in which its objects reach us. Nothing here knows the SDK."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

from apps.payments.domain.disputes import DisputeStatus
from apps.payments.domain.failures import Failure
from apps.payments.domain.holds import PageStatus
from apps.payments.domain.status import MethodKind, PaymentStatus, RefundStatus

Value = TypeVar("Value", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Generic[Value]):
    """Stripe answered 2xx."""

    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Stripe answered that it will not (4xx): declined, refused, not there.

    failure  its codes · message: its words, for the operator
    """

    status: int
    failure: Failure
    message: str


class Next(StrEnum):
    """What may be done after an answer that settles nothing.

    SAME_KEY  nothing was heard: the same key again finds out
    LOOK      5xx: Stripe has stored that answer under the key, so look whether it was done before using the next key
    LATER     409, 429, or our key was not let in: nothing was done now, the same key again later
    """

    SAME_KEY = "same_key"
    LOOK = "look"
    LATER = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Whether it was done is not known; ``then`` is what the rule allows next."""

    then: Next
    reason: str


Outcome = Done[Value] | Rejected | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """What Stripe kept of a payment, in the currency it settles in."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """What a customer's bank took back of a debit that it had paid, why, and what that cost."""

    amount: Decimal
    reason: str
    fee: Fee | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentSnapshot:
    """A PaymentIntent as it stands. Amounts in currency units, rounded.

    amount_capturable, capture_before  of a hold: how much stands, until when
    card_last4                         of the latest charge's card; "" where the look did not go there
    balance_transaction, fee           of the charge that succeeded, once Stripe has booked it
    returned                           of a debit that was paid, where its bank took it back
    """

    stripe_id: str
    status: PaymentStatus
    currency: str
    amount: Decimal
    amount_received: Decimal
    livemode: bool
    amount_capturable: Decimal = Decimal(0)
    capture_before: datetime | None = None
    latest_charge: str = ""
    card_last4: str = ""
    balance_transaction: str = ""
    fee: Fee | None = None
    returned: Return | None = None
    failure: Failure | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateSnapshot:
    """A SEPA mandate as it stands; its ``reference`` is on each debit's announcement and on the bank's statement."""

    stripe_id: str
    reference: str
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodSnapshot:
    """A saved card or bank account as it stands: what may be shown of it, and whether it is still the customer's.

    brand, expiry_*     of a card
    bank_code, country  of a bank account; ``mandate`` as signed on the page, where the look went there
    """

    stripe_id: str
    kind: MethodKind
    last4: str
    is_attached: bool
    livemode: bool
    brand: str = ""
    expiry_month: int | None = None
    expiry_year: int | None = None
    bank_code: str = ""
    country: str = ""
    mandate: MandateSnapshot | None = None


class SetupStatus(StrEnum):
    """A Checkout session in setup mode, from our side."""

    OPEN = "open"
    SAVED = "saved"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupSnapshot:
    """A Checkout session in setup mode as it stands; ``url`` while open, ``method`` once saved."""

    stripe_id: str
    status: SetupStatus
    url: str
    livemode: bool
    method: MethodSnapshot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSnapshot:
    """A Checkout session in payment mode as it stands; ``url`` while open, ``intent`` once somebody typed a card."""

    stripe_id: str
    status: PageStatus
    url: str
    livemode: bool
    intent: IntentSnapshot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSnapshot:
    """A Refund as it stands; ``reference`` is our refund's, blank if somebody made it elsewhere."""

    stripe_id: str
    status: RefundStatus
    amount: Decimal
    currency: str
    reference: str
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferSnapshot:
    """A Transfer or the reversal of one as Stripe made it; ``reference`` is our transfer's."""

    stripe_id: str
    amount: Decimal
    currency: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeMovement:
    """One balance transaction of a dispute, in the currency it settles in.

    amount  < 0 withdrawn, > 0 reinstated · fee: what it cost beside that; negative where a fee comes back
    """

    stripe_id: str
    amount: Decimal
    fee: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeSnapshot:
    """A Dispute as it stands.

    intent        the disputed payment's · due_by: until when evidence is taken; None where nobody may object
    is_submitted  evidence has gone to the bank
    movements     at most one withdrawal and one reinstatement
    """

    stripe_id: str
    intent: str
    status: DisputeStatus
    reason: str
    amount: Decimal
    currency: str
    livemode: bool
    opened_at: datetime
    due_by: datetime | None
    is_submitted: bool
    movements: tuple[DisputeMovement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutSnapshot:
    """A Payout as it stands; ``is_automatic``: Stripe can say what it consists of."""

    stripe_id: str
    status: str
    amount: Decimal
    currency: str
    is_automatic: bool
    livemode: bool
    created_at: datetime
    arrives_at: datetime
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceLine:
    """One balance transaction, in the currency it settles in: net = amount − fee.

    source  the object that moved (charge, refund, dispute, payout …) · intent: the payment it belongs to, if any
    """

    stripe_id: str
    kind: str
    amount: Decimal
    fee: Decimal
    net: Decimal
    currency: str
    source: str
    intent: str
    description: str
    created_at: datetime
    available_on: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancePage:
    """Balance transactions, newest first; ``has_more``: older ones follow the last."""

    lines: tuple[BalanceLine, ...]
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHint:
    """A verified webhook: its id, type and mode, and the whole as it arrived."""

    stripe_id: str
    type: str
    livemode: bool
    api_version: str
    payload: dict[str, object]


class ForgedEvent(Exception):
    """The body is not signed by any of our secrets within the tolerance, or is no event."""


class Reference(StrEnum):
    """Our references on Stripe's objects (metadata), by which an object is found whose id we never heard."""

    PAYMENT = "wattledger_payment"
    REFUND = "wattledger_refund"
    TRANSFER = "wattledger_transfer"
    METHOD = "wattledger_method"
    CUSTOMER = "wattledger_customer"
    INVOICE = "wattledger_invoice"
