"""Read a bank statement: each of its lines is recorded once, or told to a person who decides."""

from dataclasses import asdict
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from django.db import transaction

from apps.accounting.domain.statements.camt import read_camt
from apps.accounting.domain.statements.lines import StatementRead, UnreadableStatement, check_balances
from apps.accounting.domain.statements.tables import Layout, Table, read_lines, read_table
from apps.accounting.models import BankStatement, BankStatementRow, CsvLayout, Payout
from apps.accounting.services.payouts import CAME_BACK, NotBanked, bank_payout
from apps.accounts.models import Organisation, User
from apps.core.domain.money import NotRounded, UnknownCurrency, to_minor
from apps.payments.credit import settled_by
from apps.payments.models import BankReceipt
from apps.payments.services.allocating import NotAllocatable
from apps.payments.services.bank import LineDiffers, StatementLine, record_receipt

Outcome = BankStatementRow.Outcome
_PAYOUT_WITHIN: Final = timedelta(days=10)
"""How far from the day that Stripe expects a payout may be on the statement."""


class LayoutNeeded(Exception):
    """Nobody has said yet which columns of such a CSV say what."""

    def __init__(self, table: Table) -> None:
        super().__init__("Say which columns say what.")
        self.table = table


class NotDecidable(Exception):
    """The line is decided already; the message says how, and nothing was changed."""


def read_statement(
    *,
    seller_id: int,
    file_name: str,
    content: bytes,
    by: User | None,
    at: datetime,
    layout: Layout | None = None,
) -> BankStatement:
    """Keep a statement's lines and work them off; the same file again changes nothing, or goes on where it stopped.

    layout  which columns of a CSV say what; remembered for files with the same titles

    :raises UnreadableStatement: it is neither camt.053 nor CSV, or has lines that cannot be read
    :raises LayoutNeeded: a CSV with unknown titles, and no layout
    """
    statement = _keep(seller_id=seller_id, file_name=file_name, content=content, by=by, at=at, layout=layout)
    work_off(statement_id=statement.pk, at=at)
    return statement


@transaction.atomic
def _keep(
    *, seller_id: int, file_name: str, content: bytes, by: User | None, at: datetime, layout: Layout | None
) -> BankStatement:
    # Two at once wait for each other here; keys that point at the seller do not.
    seller: Organisation = Organisation.objects.select_for_update(no_key=True).get(pk=seller_id)
    digest = sha256(content).hexdigest()
    known: BankStatement | None = BankStatement.objects.filter(seller=seller, sha256=digest).first()
    if known is not None:
        return known
    is_xml = content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    read = read_camt(content) if is_xml else _read_csv(content, seller, layout=layout, by=by, at=at)
    _check(read)
    statement: BankStatement = BankStatement.objects.create(
        seller=seller,
        file_name=file_name[:120],
        sha256=digest,
        source="camt" if is_xml else "csv",
        account=read.account[:34],
        warning=_warning(read, seller),
        uploaded_by=by,
        uploaded_at=at,
    )
    BankStatementRow.objects.bulk_create(
        [
            BankStatementRow(
                statement=statement,
                position=position,
                key=line.key,
                booked_on=line.booked_on,
                currency=line.currency,
                amount=line.amount,
                payer=line.payer[:140],
                payer_iban=line.payer_iban[:34],
                reference=line.reference[:500],
                is_reversal=line.is_reversal,
            )
            for position, line in enumerate(read.lines, start=1)
        ],
        batch_size=1000,
    )
    return statement


def _read_csv(
    content: bytes, seller: Organisation, *, layout: Layout | None, by: User | None, at: datetime
) -> StatementRead:
    table = read_table(content)
    if layout is None:
        known = CsvLayout.objects.filter(seller=seller, titles_key=table.key).first()
        if known is None:
            raise LayoutNeeded(table)
        layout = Layout(**known.columns)
    read = read_lines(table, layout, currency=seller.currency)
    CsvLayout.objects.update_or_create(
        seller=seller,
        titles_key=table.key,
        defaults={"columns": asdict(layout), "decided_by": by, "decided_at": at},
    )
    return read


def _check(read: StatementRead) -> None:
    """Refuse a statement of which only a part could be kept.

    :raises UnreadableStatement: a line cannot be read, has an amount no currency has, or there is none
    """
    if read.problems:
        number, problem = read.problems[0]
        more = f" And {len(read.problems) - 1} more lines." if len(read.problems) > 1 else ""
        raise UnreadableStatement(f"Line {number}: {problem}{more} Nothing was recorded.")
    if not read.lines:
        raise UnreadableStatement("The statement has no booked lines.")
    for line in read.lines:
        try:
            to_minor(line.amount, currency=line.currency)
        except (NotRounded, UnknownCurrency) as error:
            raise UnreadableStatement(f"{line.booked_on}: {error}. Nothing was recorded.") from error


def _warning(read: StatementRead, seller: Organisation) -> str:
    own = seller.iban.replace(" ", "")
    is_other = bool(own) and read.account not in ("", own)
    other = f"It is of account {read.account}; your documents name {own}." if is_other else ""
    return " ".join(part for part in (other, check_balances(read)) if part)


def work_off(*, statement_id: int, at: datetime) -> int:
    """Decide what becomes of each line that waits, each in a transaction of its own; return how many were decided."""
    waiting = BankStatementRow.objects.filter(statement=statement_id, outcome=Outcome.WAITING)
    ids = list(waiting.order_by("position").values_list("pk", flat=True))
    for row_id in ids:
        _decide(row_id, at=at)
    return len(ids)


@transaction.atomic
def _decide(row_id: int, *, at: datetime) -> None:
    row = _lock(row_id)
    if row.outcome != Outcome.WAITING:
        return
    if row.amount.amount < 0:
        _set(row, Outcome.LEFT, at=at)
    elif known := BankReceipt.objects.filter(seller=row.statement.seller_id, line_key=row.key).first():
        _set(row, Outcome.KNOWN, at=at, receipt=known)
    elif earlier := _told_before(row):
        note = f"As in {earlier.statement}: {earlier.get_outcome_display().lower()}."
        _set(row, Outcome.KNOWN, at=at, note=note[:300])
    elif why := _why_to_look(row):
        _set(row, Outcome.LOOK, at=at, note=why)
    elif _is_of_stripe(row):
        _bank(row, at=at)
    else:
        _record(row, at=at)


def _lock(row_id: int) -> BankStatementRow:
    row: BankStatementRow = (
        BankStatementRow.objects.select_for_update(of=("self",)).select_related("statement").get(pk=row_id)
    )
    return row


def _told_before(row: BankStatementRow) -> BankStatementRow | None:
    """Return the same line of an earlier file that did not become a receipt."""
    told: BankStatementRow | None = (
        BankStatementRow.objects.filter(statement__seller=row.statement.seller_id, key=row.key, pk__lt=row.pk)
        .exclude(outcome=Outcome.WAITING)
        .select_related("statement")
        .order_by("pk")
        .first()
    )
    return told


def _why_to_look(row: BankStatementRow) -> str:
    """Return why a person should decide; blank: nothing speaks against recording it."""
    if row.is_reversal:
        return "It takes an earlier movement back. Look at what it reverses."
    source = row.key.partition(":")[0]
    same = BankReceipt.objects.filter(
        seller=row.statement.seller_id, booked_on=row.booked_on, currency=row.currency, amount=row.amount.amount
    )
    if twin := same.exclude(line_key__startswith=f"{source}:").first():
        return f"Perhaps it was recorded before, by hand or from another kind of file: {twin}."[:300]
    return ""


def _is_of_stripe(row: BankStatementRow) -> bool:
    return "stripe" in f"{row.payer} {row.reference}".casefold()


def _bank(row: BankStatementRow, *, at: datetime) -> None:
    """Book Stripe's payout as arrived: the one of this amount whose day is nearest."""
    found = Payout.objects.filter(
        seller=row.statement.seller_id, amount=row.amount.amount, currency=row.currency, banked_on__isnull=True
    ).exclude(status__in=CAME_BACK)
    near = [each for each in found if abs(each.arrives_at.date() - row.booked_on) <= _PAYOUT_WITHIN]
    if not near:
        note = "It seems to be a payout of Stripe's, but none of this amount is on its way."
        _set(row, Outcome.LOOK, at=at, note=note)
        return
    payout = min(near, key=lambda each: (abs(each.arrives_at.date() - row.booked_on), each.pk))
    try:
        bank_payout(
            payout_id=payout.pk,
            amount=row.amount.amount,
            currency=row.currency,
            booked_on=row.booked_on,
            at=at,
        )
    except NotBanked as error:
        _set(row, Outcome.LOOK, at=at, note=str(error)[:300])
    else:
        _set(row, Outcome.PAYOUT, at=at, payout=payout)


def _record(row: BankStatementRow, *, at: datetime, by: User | None = None) -> None:
    line = StatementLine(
        key=row.key,
        booked_on=row.booked_on,
        amount=row.amount.amount,
        currency=row.currency,
        payer=row.payer,
        payer_iban=row.payer_iban,
        reference=row.reference,
    )
    try:
        receipt = record_receipt(seller_id=row.statement.seller_id, line=line, at=at)
    except (LineDiffers, NotAllocatable) as error:
        _set(row, Outcome.LOOK, at=at, note=str(error)[:300])
        return
    settled = settled_by(receipt)
    note = f"Settles {', '.join(settled)}." if settled else ""
    if not note:
        note = f"Credit of {receipt.customer}." if receipt.customer else "Nobody knows whose yet."
    _set(row, Outcome.RECORDED, at=at, receipt=receipt, note=note[:300], by=by)


def _set(
    row: BankStatementRow,
    outcome: str,
    *,
    at: datetime,
    note: str = "",
    receipt: BankReceipt | None = None,
    payout: Payout | None = None,
    by: User | None = None,
) -> None:
    row.outcome, row.note, row.receipt, row.payout = outcome, note, receipt, payout
    row.decided_by, row.decided_at = by, at
    row.save(update_fields=["outcome", "note", "receipt", "payout", "decided_by", "decided_at"])


@transaction.atomic
def record_row(*, row_id: int, by: User, at: datetime) -> BankStatementRow:
    """Record a line that a person has looked at as money that came; recording it again changes nothing.

    :raises NotDecidable: it is decided otherwise already
    """
    row = _lock(row_id)
    if row.outcome == Outcome.RECORDED:
        return row
    if row.outcome not in (Outcome.LOOK, Outcome.DISMISSED) or row.amount.amount <= 0:
        raise NotDecidable(f"It is decided: {row.get_outcome_display().lower()}.")
    _record(row, at=at, by=by)
    if row.outcome != Outcome.RECORDED:
        raise NotDecidable(row.note)
    return row


@transaction.atomic
def dismiss_row(*, row_id: int, reason: str, by: User, at: datetime) -> BankStatementRow:
    """Leave a line alone that a person has looked at, with a reason.

    :raises NotDecidable: it is decided already, or the reason is empty
    """
    row = _lock(row_id)
    if row.outcome != Outcome.LOOK:
        raise NotDecidable(f"It is decided: {row.get_outcome_display().lower()}.")
    if not reason.strip():
        raise NotDecidable("Leaving money alone needs a reason.")
    _set(row, Outcome.DISMISSED, at=at, note=reason.strip()[:300], by=by)
    return row


def unfinished_statements() -> list[int]:
    """Return the statements with lines that still wait: their upload was cut off."""
    waiting = BankStatementRow.objects.filter(outcome=Outcome.WAITING).order_by("statement")
    return list(waiting.values_list("statement", flat=True).distinct())
