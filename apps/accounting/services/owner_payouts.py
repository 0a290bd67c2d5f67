"""Pay owners by bank: a SEPA credit transfer file that a person hands to the bank, and the word that it was done.

A payout that stands in a file is asked for once: the file keeps its bytes, and downloading it again gives the same.
"""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction
from stdnum import iban

from apps.accounting.domain.owner_payouts import PayoutStatus, advance_payout
from apps.accounting.models import OwnerPayout, PayoutFile
from apps.accounting.sepa import Account, CreditTransfer, credit_transfers
from apps.accounts.models import Organisation, User
from apps.ledger.services import PostingLine, Role
from apps.payments.services.posting import Move, post_between


class NotPayable(Exception):
    """The payout cannot be made now; the message says why, and nothing was written."""


@transaction.atomic
def make_payout_file(*, payout_ids: Sequence[int], execution_date: date, by: User | None, at: datetime) -> PayoutFile:
    """Make one file of payouts that are due, all of one platform.

    :raises NotPayable: none is due, one is not, they are of several platforms or not in EUR, or an account is missing
    """
    payouts = list(OwnerPayout.objects.select_for_update().filter(pk__in=payout_ids).order_by("pk"))
    platform = _check(payouts)
    message_id, content = _pain001(platform, payouts, execution_date=execution_date)
    file = PayoutFile.objects.create(
        platform=platform,
        message_id=message_id,
        execution_date=execution_date,
        content=content,
        made_by=by,
        made_at=at,
    )
    for payout in payouts:
        payout.status = advance_payout(PayoutStatus(payout.status), PayoutStatus.IN_FILE)
        payout.file = file
        payout.save()
    return file


def _check(payouts: Sequence[OwnerPayout]) -> Organisation:
    if not payouts:
        raise NotPayable("There is nothing to pay out.")
    if asked := [payout for payout in payouts if payout.status != PayoutStatus.DUE]:
        raise NotPayable(f"{asked[0]} is {asked[0].status.replace('_', ' ')} already.")
    if len({payout.platform_id for payout in payouts}) > 1:
        raise NotPayable("A file is of one platform's account.")
    platform: Organisation = payouts[0].platform
    for payout in payouts:
        if payout.currency != "EUR":
            raise NotPayable(f"{payout}: SEPA transfers are in EUR.")
        for party in (platform, payout.owner):
            if not iban.is_valid(party.iban):
                raise NotPayable(f"{party} has no valid IBAN. Add it to the company's data first.")
    return platform


def _pain001(platform: Organisation, payouts: Sequence[OwnerPayout], *, execution_date: date) -> tuple[str, bytes]:
    transfers = [
        CreditTransfer(
            to=_account(payout.owner),
            amount=payout.amount.amount,
            description=f"Statement {payout.statement.month:%Y-%m} {payout.statement_id}",
            end_to_end_id=f"WL-PAYOUT-{payout.pk}",
        )
        for payout in payouts
    ]
    return credit_transfers(_account(platform), transfers, on=execution_date)


def _account(party: Organisation) -> Account:
    return Account(name=party.name, iban=party.iban, bic=party.bic)


@transaction.atomic
def mark_executed(*, payout_id: int, by: User | None, at: datetime) -> OwnerPayout:
    """Note that the bank has transferred a payout, and post it in both books; noting it again changes nothing.

    :raises NotPayable: it stands in no file
    """
    payout: OwnerPayout = OwnerPayout.objects.select_for_update().get(pk=payout_id)
    if payout.status == PayoutStatus.EXECUTED:
        return payout
    _check_in_file(payout)
    payout.status = advance_payout(PayoutStatus(payout.status), PayoutStatus.EXECUTED)
    payout.executed_at, payout.executed_by = at, by
    payout.save()
    amount = payout.amount.amount
    post_between(
        platform=payout.platform,
        owner=payout.owner,
        key=f"owner_payout:{payout.pk}:executed",
        text=f"Bank transfer of statement {payout.statement.month:%Y-%m}",
        move=Move(amount=amount, platform_role=Role.BANK, owner_lines=(PostingLine(role=Role.BANK, amount=amount),)),
        currency=payout.currency,
        at=at,
    )
    return payout


@transaction.atomic
def mark_not_executed(*, payout_id: int, at: datetime) -> OwnerPayout:
    """Note that the bank did not do what a file asked for: the amount stays due, and the next statement carries it on.

    :raises NotPayable: it stands in no file, or was executed
    """
    payout: OwnerPayout = OwnerPayout.objects.select_for_update().get(pk=payout_id)
    if payout.status == PayoutStatus.SUPERSEDED and payout.file_id is not None:
        return payout
    _check_in_file(payout)
    payout.status = advance_payout(PayoutStatus(payout.status), PayoutStatus.SUPERSEDED)
    payout.save()
    return payout


def _check_in_file(payout: OwnerPayout) -> None:
    if payout.status != PayoutStatus.IN_FILE:
        raise NotPayable(f"{payout} is {payout.status}: only what a file asked the bank for can be executed.")
