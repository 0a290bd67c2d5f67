"""The driver's journey: pay, start, give up, stop; decided under the EVSE's lock, Stripe called outside of it."""

from apps.adhoc.services.ending import stop_or_cancel
from apps.adhoc.services.paying import Checkout, pay
from apps.adhoc.services.starting import start_charging, watch_start, watch_starts
from apps.adhoc.services.unlocking import unlock_cable

__all__ = ["Checkout", "pay", "start_charging", "stop_or_cancel", "unlock_cable", "watch_start", "watch_starts"]
