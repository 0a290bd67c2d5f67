"""Tell webhooks what became of a contract."""

from datetime import datetime

from apps.contracts.models import Contract
from apps.documents.domain.events import EventType
from apps.documents.webhooks.announcing import Fact, announce


def tell_changed(contract: Contract, *, what: str, key: str, at: datetime, version: int | None = None) -> None:
    """Tell that a contract has another status, or another version of it was agreed.

    what  the change in a word: accepted, renewed, terminated, suspended, lifted, ended, reopened
    key   natural, of the change within the contract
    """
    customer = contract.customer
    announce(
        Fact(
            event=EventType.CONTRACT_CHANGED,
            key=f"{contract.pk}:{key}",
            seller_id=contract.seller_id,
            customer_id=customer.organisation_id,
            at=at,
            data={
                "uid": str(contract.uid),
                "number": contract.number,
                "customer": customer.number,
                "change": what,
                "version": version,
                "status": contract.status,
                "valid_from": contract.valid_from.isoformat(),
                "valid_to": contract.valid_to.isoformat() if contract.valid_to else None,
            },
            api_path=f"/api/v1/contracts/{contract.uid}/",
        )
    )
