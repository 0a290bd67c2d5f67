from apps.contracts.models.contracts import (
    ASSIGNMENT_PLACES,
    Contract,
    Customer,
    IdToken,
    MembershipTier,
    SpendingLimit,
    TariffAssignment,
    Vehicle,
)
from apps.contracts.models.plans import ContractPlan, Plan, PlanStep

__all__ = [
    "ASSIGNMENT_PLACES",
    "Contract",
    "ContractPlan",
    "Customer",
    "IdToken",
    "MembershipTier",
    "Plan",
    "PlanStep",
    "SpendingLimit",
    "TariffAssignment",
    "Vehicle",
]
