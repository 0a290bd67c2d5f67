from apps.contracts.models.assignments import ASSIGNMENT_PLACES, TariffAssignment
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
    Contract,
    Customer,
    MembershipTier,
    SpendingLimit,
)
from apps.contracts.models.groups import GroupedSite, SiteGroup
from apps.contracts.models.home import HomeAgreement, HomeCharger, HomeDriver
from apps.contracts.models.payers import PayerPolicy, PayerRuleRow
from apps.contracts.models.plans import ContractPlan, Plan, PlanStep
from apps.contracts.models.suspensions import Ending, Suspension
from apps.contracts.models.versions import AgreedTariff, ContractTemplate, ContractVersion

__all__ = [
    "ASSIGNMENT_PLACES",
    "AgreedTariff",
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
    "GroupedSite",
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
    "SiteGroup",
    "SpendingLimit",
    "Suspension",
    "TariffAssignment",
    "Unit",
    "Vehicle",
]
