"""What an API key may read: a closed list of groups, each a few resources of the API."""

from enum import StrEnum


class Scope(StrEnum):
    SESSIONS = "sessions"
    DOCUMENTS = "documents"
    PAYMENTS = "payments"
    CONTRACTS = "contracts"
    TARIFFS = "tariffs"

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]


_MEANINGS = {
    Scope.SESSIONS: "stations, charging sessions and charge records",
    Scope.DOCUMENTS: "invoices, receipts and credit notes with their files, and disputes of their lines",
    Scope.PAYMENTS: "payments, money by bank, and what is open",
    Scope.CONTRACTS: "customers, contracts and cards",
    Scope.TARIFFS: "tariffs and their versions",
}
