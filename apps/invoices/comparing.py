"""A billing run's drafts beside what the same contracts were billed last, for who lets them go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import Count, Sum

from apps.contracts.models import Contract
from apps.invoices.domain.comparison import Billed, Remark, change_percent, remark_on
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import BillingHold, BillingRun, Invoice, InvoiceLine
from apps.invoices.selectors import awaiting_correction, drafts_of, open_holds

LOOKED_BACK: Final = timedelta(days=100)
"""A contract billed within a quarter and some days, of which nothing is due now, is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One contract and currency of a run.

    drafts  of the run; none: nothing is due · now, before: what they come to, and what was issued last
    """

    contract: Contract
    currency: str
    drafts: tuple[Invoice, ...]
    now: Billed | None
    before: Billed | None
    before_on: date | None
    remark: Remark

    @property
    def change(self) -> int | None:
        """By how many percent the net amount changed; None: there is nothing to compare."""
        return change_percent(self.now, self.before) if self.now and self.before else None


def compare(run: BillingRun) -> list[Compared]:
    """Compare a run's drafts, what stands out first; five queries however many contracts there are."""
    drafts: dict[tuple[int, str], list[Invoice]] = {}
    for draft in drafts_of(run):
        assert draft.contract_id is not None, "a run drafts for contracts"
        drafts.setdefault((draft.contract_id, draft.currency), []).append(draft)
    last = _last_issued(run)
    sums = _sums([draft.pk for group in drafts.values() for draft in group] + [one.pk for one in last.values()])
    contracts = Contract.objects.select_related("customer").in_bulk({key[0] for key in (*drafts, *last)})
    rows = [
        _compared(contracts[key[0]], key[1], drafts.get(key, []), last.get(key), sums)
        for key in {*drafts, *last}
        if key in drafts or contracts[key[0]].status == Contract.Status.ACTIVE
    ]
    order = list(Remark)
    return sorted(rows, key=lambda row: (order.index(row.remark), row.contract.customer.name, row.contract.number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What is credited of an issued invoice when a run is let go; ``amount`` as the invoice states its lines, > 0."""

    invoice: Invoice
    amount: Decimal
    reason: str


def corrections_of(run: BillingRun) -> list[Correction]:
    """Return what is credited when the drafts of a run are issued, since they bill it anew."""
    drafted = InvoiceLine.objects.filter(invoice__in=drafts_of(run), cdr__revision__gt=1)
    reasons: dict[int, str] = dict(drafted.values_list("cdr__session_id", "cdr__reason"))
    lines = awaiting_correction(seller=run.seller).filter(cdr__session__in=reasons, invoice__contract__isnull=False)
    by_invoice: dict[Invoice, list[InvoiceLine]] = {}
    for line in lines.select_related("invoice__customer", "cdr"):
        by_invoice.setdefault(line.invoice, []).append(line)
    return [
        Correction(
            invoice=invoice,
            amount=sum((_left(line) for line in found), Decimal(0)),
            reason="; ".join(dict.fromkeys(reasons[line.cdr.session_id] for line in found if line.cdr)),
        )
        for invoice, found in by_invoice.items()
    ]


def _left(line: Any) -> Decimal:
    stated: Decimal = (line.net if line.gross is None else line.gross).amount
    return stated + (line.taken or 0)


def holds_of(run: BillingRun) -> Sequence[BillingHold]:
    """Return what of the run's seller is held, the newest first."""
    return list(
        open_holds()
        .filter(seller=run.seller)
        .select_related("session", "contract__customer", "held_by")
        .order_by("-pk")
    )


def _compared(
    contract: Contract, currency: str, drafts: Sequence[Invoice], last: Invoice | None, sums: dict[int, Billed]
) -> Compared:
    now = _add([sums[draft.pk] for draft in drafts]) if drafts else None
    before = sums[last.pk] if last is not None else None
    return Compared(
        contract=contract,
        currency=currency,
        drafts=tuple(drafts),
        now=now,
        before=before,
        before_on=last.issue_date if last is not None else None,
        remark=remark_on(now, before),
    )


def _last_issued(run: BillingRun) -> dict[tuple[int, str], Invoice]:
    issued = Invoice.objects.filter(
        seller=run.seller,
        kind=Invoice.Kind.INVOICE,
        status=InvoiceStatus.ISSUED,
        contract__isnull=False,
        issue_date__gte=run.until_date - LOOKED_BACK,
    ).exclude(run=run)
    newest = issued.order_by("contract_id", "currency", "-pk").distinct("contract_id", "currency")
    return {(one.contract_id, one.currency): one for one in newest if one.contract_id is not None}


def _sums(invoice_ids: Sequence[int]) -> dict[int, Billed]:
    lines = (
        InvoiceLine.objects.filter(invoice__in=invoice_ids)
        .order_by()
        .values("invoice_id", "invoice__net")
        .annotate(energy=Sum("energy_milliwh"), sessions=Count("cdr", distinct=True))
    )
    return {
        row["invoice_id"]: Billed(net=row["invoice__net"], energy_milliwh=row["energy"], sessions=row["sessions"])
        for row in lines
    }


def _add(sums: Sequence[Billed]) -> Billed:
    return Billed(
        net=sum((one.net for one in sums), start=sums[0].net * 0),
        energy_milliwh=sum(one.energy_milliwh for one in sums),
        sessions=sum(one.sessions for one in sums),
    )
