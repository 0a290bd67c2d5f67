"""What a charger delivered to whom: grants, charging sessions, what was metered, and the charge records made of it.

A session never knows who bills it. A ``Cdr`` is rated once the session is settled, frozen, and carries its own
inputs; a correction is the next revision, the highest is current.
"""

from apps.sessions.models.budgets import Budget, BudgetAlert
from apps.sessions.models.evidence import Measurement, MeterReading, SignatureCheck, SignedRecord, StateChange
from apps.sessions.models.payers import PayerDecision
from apps.sessions.models.records import Cdr
from apps.sessions.models.sessions import ChargingSession, Reservation, StartGrant, WaitingStop

__all__ = [
    "Budget",
    "BudgetAlert",
    "Cdr",
    "ChargingSession",
    "Measurement",
    "MeterReading",
    "PayerDecision",
    "Reservation",
    "SignatureCheck",
    "SignedRecord",
    "StartGrant",
    "StateChange",
    "WaitingStop",
]
