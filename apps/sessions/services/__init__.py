"""What happens to sessions, each one story in one transaction.

What the wire tells is written without a savepoint of its own: it shares its flush's transaction, which is undone as a
whole, or has a savepoint for each message (``apps.ocpp.services``).
"""

from apps.sessions.services.budgets import sweep_budgets, watch_record
from apps.sessions.services.ending import end_sessions
from apps.sessions.services.granting import close_grant, write_grant
from apps.sessions.services.limits import request_stop
from apps.sessions.services.orphans import end_session
from apps.sessions.services.permission import authorise, authorise_tokens
from apps.sessions.services.rating import rate_or_review, rate_settled, sweep_unrated
from apps.sessions.services.readings import record_connector_states, record_readings
from apps.sessions.services.reservations import (
    cancel_reservation,
    expire_reservation,
    record_reservation,
    sweep_reservations,
)
from apps.sessions.services.retention import forget_unbilled
from apps.sessions.services.review import accept_session, bill_nothing, bill_undisputed
from apps.sessions.services.revising import rate_again, sweep_late_evidence
from apps.sessions.services.settling import settle_sessions
from apps.sessions.services.signing import check_signatures, sweep_signatures
from apps.sessions.services.spending import sweep_spending
from apps.sessions.services.starting import start_sessions
from apps.sessions.services.sweeping import sweep_unsettled
from apps.sessions.services.transactions import follow_transactions
from apps.sessions.services.vehicles import record_vehicle_states

__all__ = [
    "accept_session",
    "authorise",
    "authorise_tokens",
    "bill_nothing",
    "bill_undisputed",
    "cancel_reservation",
    "check_signatures",
    "close_grant",
    "end_session",
    "end_sessions",
    "expire_reservation",
    "follow_transactions",
    "forget_unbilled",
    "rate_again",
    "rate_or_review",
    "rate_settled",
    "record_connector_states",
    "record_readings",
    "record_reservation",
    "record_vehicle_states",
    "request_stop",
    "settle_sessions",
    "start_sessions",
    "sweep_budgets",
    "sweep_late_evidence",
    "sweep_reservations",
    "sweep_signatures",
    "sweep_spending",
    "sweep_unrated",
    "sweep_unsettled",
    "watch_record",
    "write_grant",
]
