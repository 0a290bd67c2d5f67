"""The billing run: pull what is due, correct what was revised, draft, issue. Repeatable at any point."""

from collections import defaultdict
from datetime import date, datetime

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Least

from apps.accounts.models import Organisation
from apps.contracts.models import Contract
from apps.core import failpoints
from apps.invoices.domain.status import InvoiceStatus, RunStatus
from apps.invoices.errors import DocumentRefused
from apps.invoices.models import BillingRun, Invoice
from apps.invoices.selectors import awaiting_correction, due_records
from apps.invoices.services.crediting import credit_lines
from apps.invoices.services.drafting import draft_next
from apps.invoices.services.issuing import issue_invoice
from apps.invoices.services.plans import contracts_with_open_periods
from apps.sessions.models import Cdr


def run_billing(*, seller_id: int, until_date: date, at: datetime) -> BillingRun:
    """Bill every contract of a seller up to and including the local day ``until_date``; running again finds nothing.

    Each contract is a story of its own: a contract whose documents are refused is named in the run's ``problems`` and
    stops no other. A run that was killed is taken up by the next one for the same day: what it issued is no longer
    due, and a draft it left behind is filled again and issued.
    """
    seller = Organisation.objects.get(pk=seller_id)
    contract_ids = _contracts_with_work(seller, until_date=until_date)
    run = _open_run(seller, until_date=until_date, contracts=len(contract_ids), at=at)
    for contract_id in contract_ids:
        try:
            bill_contract(contract_id=contract_id, run=run, at=at)
        except DocumentRefused as refusal:
            _note_progress(run, problem=f"{Contract.objects.get(pk=contract_id).number}: {refusal}")
        else:
            _note_progress(run)
    return _close_run(run, at=at)


def bill_contract(*, contract_id: int, run: BillingRun, at: datetime) -> None:
    """Credit what was revised since it was billed, then draft and issue until nothing is due.

    :raises DocumentRefused: a document is refused; those before it stand
    """
    _credit_revised(contract_id, run=run, at=at)
    while invoice := draft_next(contract_id=contract_id, until_date=run.until_date, run=run):
        failpoints.hit("billing.drafted")
        issue_invoice(invoice_id=invoice.pk, issued_at=at)


def _contracts_with_work(seller: Organisation, *, until_date: date) -> list[int]:
    """Return the contracts on which something may be due, and those with a draft left behind, in a fixed order."""
    due = due_records(seller=seller, until_date=until_date).order_by().values_list("session__contract_id", flat=True)
    drafts = Invoice.objects.filter(seller=seller, status=InvoiceStatus.DRAFT, kind=Invoice.Kind.INVOICE).values_list(
        "contract_id", flat=True
    )
    return sorted({*due.distinct(), *drafts, *contracts_with_open_periods(seller.pk, until_date=until_date)})


def _credit_revised(contract_id: int, *, run: BillingRun, at: datetime) -> None:
    """Credit the lines whose record has a newer revision that is due now; that revision is billed next."""
    due = due_records(seller=run.seller, until_date=run.until_date).filter(session__contract_id=contract_id)
    revision_of = {cdr.session_id: cdr for cdr in due.filter(revision__gt=1)}
    lines = awaiting_correction(seller=run.seller).filter(
        invoice__contract_id=contract_id, cdr__session_id__in=list(revision_of)
    )
    revised: dict[int, dict[int, Cdr]] = defaultdict(dict)
    for line_id, invoice_id, session_id in lines.values_list("pk", "invoice_id", "cdr__session_id"):
        revised[invoice_id][line_id] = revision_of[session_id]
    for invoice_id, revisions in revised.items():
        credit_lines(
            invoice_id=invoice_id,
            line_ids=list(revisions),
            reason="; ".join(dict.fromkeys(cdr.reason for cdr in revisions.values())),
            at=at,
            run=run,
        )


@transaction.atomic
def _open_run(seller: Organisation, *, until_date: date, contracts: int, at: datetime) -> BillingRun:
    """Start a run, or take up the one for the same day that never ended; there is one at a time (a constraint)."""
    run, is_new = BillingRun.objects.select_for_update().get_or_create(
        seller=seller,
        until_date=until_date,
        status=RunStatus.RUNNING,
        defaults={"started_at": at, "contracts_total": contracts},
    )
    if not is_new:
        run.contracts_total = run.contracts_done + contracts
        run.save(update_fields=["contracts_total"])
    return run


@transaction.atomic
def _note_progress(run: BillingRun, *, problem: str = "") -> None:
    """Count one contract; two runs at once share the row, so the count is capped by the total."""
    current = BillingRun.objects.select_for_update().get(pk=run.pk)
    current.contracts_done = Least(F("contracts_done") + 1, F("contracts_total"))
    if problem and problem not in current.problems:
        current.problems = [*current.problems, problem]
    current.save(update_fields=["contracts_done", "problems"])


def _close_run(run: BillingRun, *, at: datetime) -> BillingRun:
    BillingRun.objects.filter(pk=run.pk, status=RunStatus.RUNNING).update(status=RunStatus.DONE, ended_at=at)
    run.refresh_from_db()
    return run
