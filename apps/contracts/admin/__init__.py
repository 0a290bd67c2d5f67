"""Customers, contracts, plans, cards and where tariffs apply, in the console."""

from apps.contracts.admin.cards import CostCentreAdmin, IdTokenAdmin, VehicleAdmin
from apps.contracts.admin.contracts import ContractAdmin, CustomerAdmin
from apps.contracts.admin.plans import PlanAdmin
from apps.contracts.admin.versions import ContractTemplateAdmin, ContractVersionAdmin

__all__ = [
    "ContractAdmin",
    "ContractTemplateAdmin",
    "ContractVersionAdmin",
    "CostCentreAdmin",
    "CustomerAdmin",
    "IdTokenAdmin",
    "PlanAdmin",
    "VehicleAdmin",
]
