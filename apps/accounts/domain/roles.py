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

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]


_MEANINGS = {
    Role.OWNER: "everything, people and API keys too",
    Role.FINANCE: "prices, contracts, invoices, money",
    Role.SUPPORT: "helps customers and drivers; moves no money",
    Role.TECHNICIAN: "stations and what they do",
    Role.READ_ONLY: "looks at everything, changes nothing",
    Role.FLEET_ADMIN: "in the portal: how is paid, people, API keys",
    Role.FLEET_USER: "in the portal: looks",
}


OPERATOR_ROLES = frozenset({Role.OWNER, Role.FINANCE, Role.SUPPORT, Role.TECHNICIAN, Role.READ_ONLY})
CUSTOMER_ROLES = frozenset({Role.FLEET_ADMIN, Role.FLEET_USER})
# Who may change what in the console; everyone in OPERATOR_ROLES may look.
MASTER_DATA_ROLES = frozenset({Role.OWNER, Role.FINANCE})
HARDWARE_ROLES = frozenset({Role.OWNER, Role.TECHNICIAN})
# Who helps a driver at the charger: start, stop, unlock. Everything else at a station is for HARDWARE_ROLES.
DRIVER_HELP_ROLES = frozenset({Role.OWNER, Role.SUPPORT, Role.TECHNICIAN})
SUPPORT_ROLES = frozenset({Role.OWNER, Role.FINANCE, Role.SUPPORT})
MONEY_ROLES = frozenset({Role.OWNER, Role.FINANCE})
# Who invites people, lets them go and signs them out.
PEOPLE_ROLES = frozenset({Role.OWNER})
# Who lets machines in and out: API keys and webhooks.
INTEGRATION_ROLES = frozenset({Role.OWNER})
CUSTOMER_INTEGRATION_ROLES = frozenset({Role.FLEET_ADMIN})
# Whose members somebody invites, changes and lets go: an owner everybody's, a fleet's administrator the fleet's.
MANAGES = {Role.OWNER: OPERATOR_ROLES | CUSTOMER_ROLES, Role.FLEET_ADMIN: CUSTOMER_ROLES}


def may_manage(manager: Role, role: Role) -> bool:
    """Whether a person in the role ``manager`` decides about members in ``role`` of the same organisation."""
    return role in MANAGES.get(manager, frozenset())
