"""What we know of money: at Stripe customers, saved methods, attempts, payments, calls, events, refunds, disputes; at
the bank receipts and repayments; and what of all that settles which document.

A payment mirrors one PaymentIntent and changes only by projecting Stripe's object; an operation is one call under one
idempotency key. Invariants: at most one open payment of a kind a document and one payment an attempt; one unfinished
operation a payment and one capture a hold; captured never exceeds what was authorised, allocations what was received
or billed, refunds and disputes what was captured, what a lost dispute fetched back what was to be given back,
write-offs what is open, settlements of an opening item what it came with; live and test never mix; a wallet's balance
is the sum of its movements, and nothing is taken from it below its bound.
"""

from apps.payments.models.allocations import Allocation, WriteOff
from apps.payments.models.attempts import PaymentAttempt
from apps.payments.models.balances import DocumentBalance
from apps.payments.models.bank import BankReceipt, BankRepayment
from apps.payments.models.disputes import Dispute, FetchedBack
from apps.payments.models.dunning import DunningPause, DunningStep, FeeAllocation, FeeWaiver
from apps.payments.models.methods import SavedMethod, StripeCustomer
from apps.payments.models.notices import DebitNotice
from apps.payments.models.openings import OpeningItem, OpeningSettlement
from apps.payments.models.operations import PaymentOperation, StripeEvent
from apps.payments.models.payments import Payment
from apps.payments.models.refund_requests import RefundRequest
from apps.payments.models.refunds import Refund
from apps.payments.models.searches import ChargeSearch
from apps.payments.models.transfers import Transfer
from apps.payments.models.wallets import Wallet, WalletMovement, WalletOffer

__all__ = [
    "Allocation",
    "BankReceipt",
    "BankRepayment",
    "ChargeSearch",
    "DebitNotice",
    "Dispute",
    "DocumentBalance",
    "DunningPause",
    "DunningStep",
    "FeeAllocation",
    "FeeWaiver",
    "FetchedBack",
    "OpeningItem",
    "OpeningSettlement",
    "Payment",
    "PaymentAttempt",
    "PaymentOperation",
    "Refund",
    "RefundRequest",
    "SavedMethod",
    "StripeCustomer",
    "StripeEvent",
    "Transfer",
    "Wallet",
    "WalletMovement",
    "WalletOffer",
    "WriteOff",
]
