"""Customers, contracts, plans, cards and where tariffs apply, in the console."""

from apps.contracts.admin.assignments import TariffAssignmentAdmin
from apps.contracts.admin.cards import CostCentreAdmin, IdTokenAdmin, VehicleAdmin
from apps.contracts.admin.communities import AllocationKeyAdmin, SharedCostAdmin, UnitAdmin
from apps.contracts.admin.contracts import ContractAdmin, SpendingLimitAdmin
from apps.contracts.admin.customers import CustomerAdmin
from apps.contracts.admin.groups import SiteGroupAdmin
from apps.contracts.admin.home import HomeAgreementAdmin, HomeDriverAdmin
from apps.contracts.admin.payers import PayerPolicyAdmin
from apps.contracts.admin.plans import PlanAdmin
from apps.contracts.admin.tiers import MembershipTierAdmin
from apps.contracts.admin.versions import ContractTemplateAdmin, ContractVersionAdmin

__all__ = [
    "AllocationKeyAdmin",
    "ContractAdmin",
    "ContractTemplateAdmin",
    "ContractVersionAdmin",
    "CostCentreAdmin",
    "CustomerAdmin",
    "HomeAgreementAdmin",
    "HomeDriverAdmin",
    "IdTokenAdmin",
    "MembershipTierAdmin",
    "PayerPolicyAdmin",
    "PlanAdmin",
    "SharedCostAdmin",
    "SiteGroupAdmin",
    "SpendingLimitAdmin",
    "TariffAssignmentAdmin",
    "UnitAdmin",
    "VehicleAdmin",
]
