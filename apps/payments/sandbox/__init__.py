"""A double of Stripe's HTTP API, for the calls Wattledger makes: stateful, checked against the SDK's types.

Nothing of Django, no database. ``docs/sandbox.md`` tells how to use it.
"""

from apps.payments.sandbox.api import LiveKeyRefused
from apps.payments.sandbox.browser import (
    CheckoutRefused,
    answer_challenge,
    complete_checkout,
    complete_mandate,
)
from apps.payments.sandbox.control import Control, ControlError
from apps.payments.sandbox.faults import FaultKind
from apps.payments.sandbox.keeping import StateFileRefused
from apps.payments.sandbox.server import DEFAULT_WEBHOOK_SECRET, Sandbox, serve
from apps.payments.sandbox.webhooks import Forgery

__all__ = [
    "DEFAULT_WEBHOOK_SECRET",
    "CheckoutRefused",
    "Control",
    "ControlError",
    "FaultKind",
    "Forgery",
    "LiveKeyRefused",
    "Sandbox",
    "StateFileRefused",
    "answer_challenge",
    "complete_checkout",
    "complete_mandate",
    "serve",
]
