"""Block a contract's cards and let them charge again. The only writer of suspensions, and of a status ``suspended``.

What runs goes on: a suspension is asked for at the next start. Stations that remember cards are told by whoever keeps
their lists and caches (bell ``contract.suspended``).
"""

from datetime import datetime

from django.db import transaction

from apps.accounts.models import User
from apps.contracts.models import Contract, Suspension
from apps.contracts.news import tell_changed
from apps.contracts.plans import resume_plans, stop_plans
from apps.core.bells import ring_on_commit


class NotSuspended(Exception):
    """The contract cannot be suspended, or is not; the message says why, and nothing was changed."""


@transaction.atomic
def suspend_contract(
    *, contract_id: int, cause: Suspension.Cause, reason: str, at: datetime, by: User | None = None
) -> Suspension:
    """Block every card of a contract; suspending again returns the suspension that stands.

    by  None: the system, since something is overdue

    :raises NotSuspended: the contract has ended or is not accepted yet, or the reason is empty
    """
    contract: Contract = Contract.objects.select_for_update().get(pk=contract_id)
    standing = standing_suspension(contract_id)
    if standing is not None:
        return standing
    if contract.status == Contract.Status.ENDED:
        raise NotSuspended(f"{contract} has ended.")
    if contract.status == Contract.Status.OFFERED:
        raise NotSuspended(f"{contract} is not accepted yet: none of its cards charges.")
    if not reason.strip():
        raise NotSuspended("Blocking a contract's cards needs a reason.")
    suspension: Suspension = Suspension.objects.create(
        contract=contract, cause=cause, reason=reason.strip()[:200], suspended_by=by, since=at
    )
    contract.status = Contract.Status.SUSPENDED
    contract.save(update_fields=["status"])
    tell_changed(contract, what="suspended", key=f"suspended:{suspension.pk}", at=at)
    ring_on_commit("contract.suspended", id=contract.pk)
    return suspension


@transaction.atomic
def lift_suspension(*, contract_id: int, reason: str, at: datetime, by: User | None = None) -> Suspension:
    """Let a contract's cards charge again; by  None: the system, since what was overdue is paid.

    :raises NotSuspended: it is not suspended, or the reason is empty
    """
    contract: Contract = Contract.objects.select_for_update().get(pk=contract_id)
    suspension = standing_suspension(contract_id)
    if suspension is None:
        raise NotSuspended(f"{contract} is not suspended.")
    if not reason.strip():
        raise NotSuspended("Lifting a suspension needs a reason.")
    suspension.lifted_at, suspension.lifted_by = max(at, suspension.since), by
    suspension.lift_reason = reason.strip()[:200]
    suspension.save(update_fields=["lifted_at", "lifted_by", "lift_reason"])
    if contract.status == Contract.Status.SUSPENDED:
        contract.status = Contract.Status.ACTIVE
        contract.save(update_fields=["status"])
    tell_changed(contract, what="lifted", key=f"lifted:{suspension.pk}", at=at)
    return suspension


@transaction.atomic
def end_contract(*, contract_id: int, at: datetime) -> Contract:
    """Let none of a contract's cards start any more, and its plans end today; ending it again changes nothing.

    :raises NotSuspended: it is suspended: lift that first, so that it is known what became of it; or only offered
    """
    contract: Contract = Contract.objects.select_for_update().get(pk=contract_id)
    if contract.status == Contract.Status.OFFERED:
        raise NotSuspended(f"{contract} is not accepted yet: withdraw its offer instead.")
    if standing_suspension(contract_id) is not None:
        raise NotSuspended(f"{contract} is suspended. Lift that first.")
    if contract.status == Contract.Status.ENDED:
        return contract
    contract.status = Contract.Status.ENDED
    contract.save(update_fields=["status"])
    stop_plans(contract, at=at)
    tell_changed(contract, what="ended", key=f"ended:{at.isoformat()}", at=at)
    ring_on_commit("contract.suspended", id=contract.pk)
    return contract


@transaction.atomic
def reopen_contract(*, contract_id: int, at: datetime) -> Contract:
    """Let an ended contract go on within its time, with its cards and plans; reopening again changes nothing."""
    contract: Contract = Contract.objects.select_for_update().get(pk=contract_id)
    if contract.status == Contract.Status.ENDED:
        contract.status = Contract.Status.ACTIVE
        contract.save(update_fields=["status"])
        resume_plans(contract, at=at)
        tell_changed(contract, what="reopened", key=f"reopened:{at.isoformat()}", at=at)
    return contract


def standing_suspension(contract_id: int) -> Suspension | None:
    """Return a contract's suspension that is not lifted."""
    standing: Suspension | None = Suspension.objects.filter(contract=contract_id, lifted_at__isnull=True).first()
    return standing
