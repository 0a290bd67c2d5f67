"""The roles a person may have in an organisation, and what each may do in the operator console."""

from enum import StrEnum


class Role(StrEnum):
    OWNER = "owner"
    FINANCE = "finance"
    SUPPORT = "support"
    TECHNICIAN = "technician"
    READ_ONLY = "read_only"
    FLEET_ADMIN = "fleet_admin"
    FLEET_USER = "fleet_user"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ").capitalize()


OPERATOR_ROLES = frozenset({Role.OWNER, Role.FINANCE, Role.SUPPORT, Role.TECHNICIAN, Role.READ_ONLY})
CUSTOMER_ROLES = frozenset({Role.FLEET_ADMIN, Role.FLEET_USER})
# Who may change what in the console; everyone in OPERATOR_ROLES may look.
MASTER_DATA_ROLES = frozenset({Role.OWNER, Role.FINANCE})
HARDWARE_ROLES = frozenset({Role.OWNER, Role.TECHNICIAN})
# Who helps a driver at the charger: start, stop, unlock. Everything else at a station is for HARDWARE_ROLES.
DRIVER_HELP_ROLES = frozenset({Role.OWNER, Role.SUPPORT, Role.TECHNICIAN})
SUPPORT_ROLES = frozenset({Role.OWNER, Role.FINANCE, Role.SUPPORT})
MONEY_ROLES = frozenset({Role.OWNER, Role.FINANCE})
# Who lets machines in and out: API keys and webhooks.
INTEGRATION_ROLES = frozenset({Role.OWNER})
CUSTOMER_INTEGRATION_ROLES = frozenset({Role.FLEET_ADMIN})
