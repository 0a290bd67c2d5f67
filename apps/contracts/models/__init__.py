from apps.contracts.models.cards import CostCentre, IdToken, Vehicle
from apps.contracts.models.contracts import (
    ASSIGNMENT_PLACES,
    Contract,
    Customer,
    MembershipTier,
    SpendingLimit,
    TariffAssignment,
)
from apps.contracts.models.plans import ContractPlan, Plan, PlanStep
from apps.contracts.models.suspensions import Suspension
from apps.contracts.models.versions import ContractTemplate, ContractVersion

__all__ = [
    "ASSIGNMENT_PLACES",
    "Contract",
    "ContractPlan",
    "ContractTemplate",
    "ContractVersion",
    "CostCentre",
    "Customer",
    "IdToken",
    "MembershipTier",
    "Plan",
    "PlanStep",
    "SpendingLimit",
    "Suspension",
    "TariffAssignment",
    "Vehicle",
]
