"""Make an owner's statement of a month: what was collected, what the platform keeps, what is left to pay out.

Two accounts that meet in the closing amount. The **fee** follows documents: each line is parted by the agreement's rule
once its document is paid, each credit note's line takes back what its line gave. The **money** follows the books: each
entry on *due to owner* (received, refunded, transferred, fetched back, paid out) is settled once. So

    closing = opening + moved − fee with VAT,    which is the balance of *due to owner* when all is settled

and whatever comes late is simply found by the next statement. Here an agreement, its lines and its entries are read
behind the lock of the two's agreements, so that two runs at once make one statement.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from apps.accounting import selectors_settlement as selectors
from apps.accounting.domain.owner_payouts import PayoutStatus, advance_payout
from apps.accounting.domain.shares import Share, minimum_top_up, taken_back
from apps.accounting.models import Agreement, OwnerPayout, Statement, StatementEntry, StatementLine
from apps.accounting.services.shares import share_lines
from apps.core.bells import ring_on_commit
from apps.core.domain.money import from_minor
from apps.invoices.models import Invoice, InvoiceLine
from apps.invoices.services.fees import issue_fee_invoice
from apps.ledger.domain.chart import Role, account_code
from apps.ledger.domain.posting import PostingLine
from apps.ledger.domain.vat import Vat
from apps.ledger.models import LedgerEntry
from apps.payments.services.posting import Move, post_between


class NotSettleable(Exception):
    """The month cannot be settled now; the message says why, and nothing was written."""


@transaction.atomic
def make_statement(*, agreement_id: int, month: date, at: datetime) -> Statement:
    """Make, freeze and post the statement of a month that is over; making it again returns the first.

    month  its first day

    :raises NotSettleable: the month is not over, lies before the agreement, or a later one is settled already
    :raises DocumentRefused: the fee cannot be invoiced: no VAT for it, or a party lacks legal data
    """
    agreement = _lock(agreement_id)
    made = agreement.statements.filter(month=month).first()
    if made is not None:
        done: Statement = made
        return done
    _check(agreement, month=month, at=at)
    until = selectors.end_of_month(month, time_zone=agreement.platform.time_zone)
    shared = _shared_lines(agreement, until=until)
    entries = list(selectors.unsettled_entries(agreement, until_date=selectors.last_day(month)))
    statement = _write(agreement, month=month, shared=shared, entries=entries, at=at)
    _write_lines(statement, shared)
    _write_entries(statement, entries)
    _plan_payout(statement)
    ring_on_commit("statement.made", id=statement.pk)
    return statement


def _lock(agreement_id: int) -> Agreement:
    """Lock the agreements of the two, whose statements go on from one another."""
    given = Agreement.objects.get(pk=agreement_id)
    pair = Agreement.objects.filter(platform=given.platform_id, owner=given.owner_id)
    list(pair.select_for_update().order_by("pk"))
    agreement: Agreement = pair.select_related("platform", "owner").get(pk=agreement_id)
    return agreement


def _check(agreement: Agreement, *, month: date, at: datetime) -> None:
    if month.day != 1:
        raise NotSettleable(f"{month} is not the first day of a month.")
    if at < selectors.end_of_month(month, time_zone=agreement.platform.time_zone):
        raise NotSettleable(f"{month:%B %Y} is not over.")
    if agreement.valid_from > selectors.last_day(month):
        raise NotSettleable(f"{agreement} only.")
    latest = selectors.latest_statement(agreement)
    if latest is not None and latest.month > month:
        raise NotSettleable(f"{latest.month:%B %Y} is settled already; what came late is in its statement or the next.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A line and how it is parted; ``rule`` in words, as it was applied."""

    line: InvoiceLine
    share: Share
    rule: str


def _shared_lines(agreement: Agreement, *, until: datetime) -> list[Shared]:
    """Part what was paid for, then what was taken back of it or of what was settled before."""
    said = agreement.rule_in_words()
    billed = [
        Shared(line=line, share=share, rule=said)
        for line, share in share_lines(selectors.billed_lines(agreement, until=until), agreement=agreement)
    ]
    return [*billed, *_credited(agreement, billed, until=until)]


def _credited(agreement: Agreement, billed: Sequence[Shared], *, until: datetime) -> list[Shared]:
    """Take back, line by line and in the order of the credit notes, as much of each fee as of its net."""
    given = {each.line.pk: (each.share, each.rule) for each in billed}
    credited = list(selectors.credited_lines(agreement, with_lines=list(given), until=until))
    ids = {line.credits_id for line in credited}
    given |= {row.line_id: (share_of(row), row.rule) for row in StatementLine.objects.filter(line__in=ids, net__gte=0)}
    before: defaultdict[int, Share] = defaultdict(lambda: Share(net=Decimal(0), fee=Decimal(0)))
    for row in StatementLine.objects.filter(line__credits__in=ids).select_related("line"):
        before[row.line.credits_id] += share_of(row)
    found: list[Shared] = []
    for line in credited:
        assert line.credits_id is not None, "a line that credits names what"
        share, rule = given[line.credits_id]
        part = taken_back(share, before=before[line.credits_id], net=line.net.amount, currency=agreement.currency)
        before[line.credits_id] += part
        found.append(Shared(line=line, share=part, rule=f"taken back: {rule}"[:120]))
    return found


def share_of(row: StatementLine) -> Share:
    """Return a stored line's amounts as the domain's value."""
    return Share(net=row.net.amount, fee=row.fee.amount)


def _write(
    agreement: Agreement, *, month: date, shared: Sequence[Shared], entries: Sequence[LedgerEntry], at: datetime
) -> Statement:
    """Add up, invoice the fee and write the statement."""
    currency = agreement.currency
    zero = from_minor(0, currency=currency)
    before = selectors.latest_statement(agreement)
    shares = [each.share for each in shared]
    fee = sum((share.fee for share in shares), zero)
    net = sum((share.net for share in shares), zero)
    is_in_force = selectors.is_in_force(agreement, month=month)
    top_up = minimum_top_up(agreement.rule(), shares, currency=currency) if is_in_force else zero
    brought = before.fee_carried.amount if before else zero
    charged = brought + fee + top_up
    invoice = _invoice_fee(agreement, net=charged, month=month, at=at) if charged > 0 else None
    opening = before.closing.amount if before else zero
    # A credit on the account is more that is due to the owner.
    moved = -sum((entry.amount.amount for entry in entries), zero)
    fee_gross = invoice.gross.amount if invoice else zero
    statement: Statement = Statement.objects.create(
        agreement=agreement,
        month=month,
        currency=currency,
        opening=opening,
        moved=moved,
        net=net,
        fee=fee,
        share=net - fee,
        top_up=top_up,
        fee_brought=brought,
        fee_carried=min(charged, zero),
        fee_gross=fee_gross,
        closing=opening + moved - fee_gross,
        fee_invoice=invoice,
        made_at=at,
    )
    return statement


def _invoice_fee(agreement: Agreement, *, net: Decimal, month: date, at: datetime) -> Invoice:
    return issue_fee_invoice(
        seller=agreement.platform,
        buyer=agreement.owner,
        net=net,
        currency=agreement.currency,
        text=f"Collection of charging payments, {month:%B %Y}: {agreement.rule_in_words()}",
        period_from=month,
        period_to=selectors.last_day(month),
        at=at,
    )


def _write_lines(statement: Statement, shared: Sequence[Shared]) -> None:
    StatementLine.objects.bulk_create(
        StatementLine(
            statement=statement,
            line=each.line,
            document=each.line.invoice.number,
            place=each.line.place,
            time_zone=each.line.time_zone,
            started_at=each.line.started_at,
            energy_milliwh=each.line.energy_milliwh,
            rule=each.rule,
            currency=statement.currency,
            net=each.share.net,
            fee=each.share.fee,
            share=each.share.share,
        )
        for each in shared
    )


def _write_entries(statement: Statement, entries: Sequence[LedgerEntry]) -> None:
    """Settle the entries, and set the fee off against what is due, in both books."""
    own = [_set_off(statement)] if statement.fee_invoice else []
    StatementEntry.objects.bulk_create(
        StatementEntry(statement=statement, entry=entry, currency=statement.currency, amount=-entry.amount.amount)
        for entry in [*entries, *own]
    )


def _set_off(statement: Statement) -> LedgerEntry:
    """Post the fee: the platform's receivable and the owner's expense with input VAT, against what is due."""
    invoice, agreement = statement.fee_invoice, statement.agreement
    assert invoice is not None
    key = f"statement:{statement.pk}:fee"
    post_between(
        platform=agreement.platform,
        owner=agreement.owner,
        key=key,
        text=f"Fee invoice {invoice.number} set off",
        move=Move(
            amount=invoice.gross.amount,
            platform_role=Role.RECEIVABLE,
            owner_lines=_as_expense(invoice),
        ),
        currency=statement.currency,
        at=statement.made_at,
    )
    entry: LedgerEntry = LedgerEntry.objects.get(
        journal__entity=agreement.platform,
        journal__key=key,
        account__code=account_code(Role.DUE_TO_OWNER, agreement.owner_id),
    )
    return entry


def _as_expense(invoice: Invoice) -> tuple[PostingLine, ...]:
    """Return what a fee invoice is to the owner who bears it: an expense and input VAT, per category."""
    lines: list[PostingLine] = []
    for row in invoice.taxes.all():
        vat = Vat(country=row.country, category=row.category, rate=row.rate).code
        lines.append(PostingLine(role=Role.PLATFORM_FEES, amount=row.net.amount, vat=vat))
        lines.append(PostingLine(role=Role.INPUT_VAT, amount=row.tax.amount, vat=vat))
    return tuple(lines)


def _plan_payout(statement: Statement) -> None:
    """Ask for what is left, less what a file at the bank asks for already; it takes the place of what was not sent."""
    agreement = statement.agreement
    payouts = OwnerPayout.objects.select_for_update().filter(
        platform=agreement.platform, owner=agreement.owner, currency=statement.currency
    )
    for payout in payouts.filter(status=PayoutStatus.DUE):
        payout.status = advance_payout(PayoutStatus(payout.status), PayoutStatus.SUPERSEDED)
        payout.save()
    under_way = sum((row.amount.amount for row in payouts.filter(status=PayoutStatus.IN_FILE)), Decimal(0))
    amount = statement.closing.amount - under_way
    if amount > 0:
        OwnerPayout.objects.create(
            statement=statement,
            platform=agreement.platform,
            owner=agreement.owner,
            currency=statement.currency,
            amount=amount,
        )
