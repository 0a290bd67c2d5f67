from apps.contracts.models.cards import CostCentre, IdToken, Vehicle
from apps.contracts.models.communities import (
    AllocationKey,
    CostPeriod,
    CostShare,
    KeyWeight,
    Occupancy,
    SharedCost,
    Unit,
)
from apps.contracts.models.contracts import (
    ASSIGNMENT_PLACES,
    Contract,
    Customer,
    MembershipTier,
    SpendingLimit,
    TariffAssignment,
)
from apps.contracts.models.home import HomeAgreement, HomeCharger, HomeDriver
from apps.contracts.models.payers import PayerPolicy, PayerRuleRow
from apps.contracts.models.plans import ContractPlan, Plan, PlanStep
from apps.contracts.models.suspensions import Ending, Suspension
from apps.contracts.models.versions import ContractTemplate, ContractVersion

__all__ = [
    "ASSIGNMENT_PLACES",
    "AllocationKey",
    "Contract",
    "ContractPlan",
    "ContractTemplate",
    "ContractVersion",
    "CostCentre",
    "CostPeriod",
    "CostShare",
    "Customer",
    "Ending",
    "HomeAgreement",
    "HomeCharger",
    "HomeDriver",
    "IdToken",
    "KeyWeight",
    "MembershipTier",
    "Occupancy",
    "PayerPolicy",
    "PayerRuleRow",
    "Plan",
    "PlanStep",
    "SharedCost",
    "SpendingLimit",
    "Suspension",
    "TariffAssignment",
    "Unit",
    "Vehicle",
]
