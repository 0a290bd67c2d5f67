"""The billing run: pull what is due, correct what was revised, draft, issue. Repeatable at any point.

A run under review stops between the two: a person looks at its drafts, keeps back what must not go out, and lets the
rest go. Only then what they correct is credited, just before they are issued: nothing goes out that nobody has looked
at. What comes in meanwhile is left to the next run.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Least

from apps.accounts.models import Organisation, User
from apps.contracts.domain.cycles import BillingCycle
from apps.contracts.domain.sharing import NotShared
from apps.contracts.models import Contract
from apps.core import clock, failpoints
from apps.core.bells import ring_on_commit
from apps.core.domain.zones import zone
from apps.invoices.domain.status import InvoiceStatus, RunStatus
from apps.invoices.errors import DocumentRefused, RunRefused
from apps.invoices.models import BillingRun, Invoice, InvoiceLine
from apps.invoices.selectors import awaiting_correction, drafts_of, due_records, open_holds
from apps.invoices.services.charges import due_charges
from apps.invoices.services.crediting import credit_lines
from apps.invoices.services.documents import lock_contracts
from apps.invoices.services.drafting import discard_drafts, draft_contracts
from apps.invoices.services.issuing import issue_documents, issue_invoices
from apps.invoices.services.plans import contracts_with_open_periods, with_plan
from apps.invoices.services.sharing import due_periods, share_cost
from apps.sessions.models import Cdr

CONTRACTS_TOGETHER: Final = 25
RECORDS_TOGETHER: Final = 2_500
"""So much is billed in one transaction: what is asked once a transaction no longer shows, and memory stays small."""

STALLED_AFTER: Final = timedelta(minutes=3)
"""A running run of which nothing was heard for so long has lost whoever carried it out."""


def run_billing(*, seller_id: int, until_date: date, at: datetime) -> BillingRun:
    """Bill every contract of a seller up to and including the local day ``until_date``; running again finds nothing.

    Some contracts at a time are billed in one transaction. A contract whose documents are refused is named in the run's
    ``problems`` and stops no other: those with it are then billed one by one. A run that was killed is taken up by the
    next one for the same day: what it issued is no longer due.

    :raises RunRefused: the day has not begun yet, or a run of the seller's waits for a person
    """
    run = start_run(seller_id=seller_id, until_date=until_date, is_reviewed=False, at=at)
    return carry_on(run_id=run.pk, at=at)


@transaction.atomic
def start_run(*, seller_id: int, until_date: date, is_reviewed: bool, at: datetime) -> BillingRun:
    """Open a run, or return the one for the same day that never ended; whoever hears its bell carries it out.

    :raises RunRefused: the day has not begun yet, another run of the seller's is under review, or this one would be and
        another is at work
    """
    seller = Organisation.objects.select_for_update(no_key=True).get(pk=seller_id)
    _check_begun(until_date, seller=seller, at=at)
    open_runs = BillingRun.objects.filter(seller=seller_id, ended_at__isnull=True)
    waiting = open_runs.filter(is_reviewed=True).first()
    if waiting is not None and not (is_reviewed and waiting.until_date == until_date):
        raise RunRefused(
            f"The billing run until {waiting.until_date.isoformat()} is not finished: let its drafts go, or give it up."
        )
    at_work = open_runs.filter(is_reviewed=False).first()
    if is_reviewed and at_work is not None:
        raise RunRefused(
            f"The billing run until {at_work.until_date.isoformat()} is still at work. Try again when it is done."
        )
    run = open_runs.filter(until_date=until_date, is_reviewed=is_reviewed).first()
    if run is None:
        # Whoever starts at the same moment waits for the seller's row, and finds this run.
        run = BillingRun.objects.create(
            seller_id=seller_id, until_date=until_date, is_reviewed=is_reviewed, started_at=at, progressed_at=at
        )
    ring_on_commit("billing.run", id=run.pk)
    return run


def _check_begun(until_date: date, *, seller: Organisation, at: datetime) -> None:
    """Refuse to bill days ahead: a plan's fees and minimums of them would be issued at once, for nothing that happened.

    :raises RunRefused: the seller's day is not there yet
    """
    today = at.astimezone(zone(seller.time_zone)).date()
    if until_date > today:
        raise RunRefused(
            f"{until_date.isoformat()} is still to come: bill until {today.isoformat()}, which is today, or before."
        )


def carry_on(*, run_id: int, at: datetime) -> BillingRun:
    """Do the step that a run is at, for all its contracts; one that waits for a person or is done is left as it is."""
    run = BillingRun.objects.select_related("seller").get(pk=run_id)
    if run.status == RunStatus.RUNNING and run.approved_at is not None:
        _for_each(run, _contracts_of(run), lambda contract_ids: _issue_drafts(contract_ids, run=run, at=at))
        return _end(run, RunStatus.DONE, at=at)
    if run.status == RunStatus.RUNNING:
        _share_costs(run, at=at)
        step = _draft if run.is_reviewed else _bill
        _for_each(run, _contracts_with_work(run), lambda contract_ids: step(contract_ids, run=run, at=at))
        return _end(run, RunStatus.DRAFTED if run.is_reviewed else RunStatus.DONE, at=at)
    return run


def bill_after_session(*, contract_id: int, at: datetime) -> None:
    """Bill what is due on a contract whose sessions are billed one by one; on any other, nothing.

    :raises DocumentRefused: a document is refused; what it lists stays due
    """
    of_sessions = Contract.objects.filter(billing_cycle=BillingCycle.SESSION)
    contract = of_sessions.select_related("seller").filter(pk=contract_id).first()
    # Somebody may look at a draft of it: it was billed in another way when that run began.
    looked_at = Invoice.objects.filter(status=InvoiceStatus.DRAFT, run__ended_at=None, run__is_reviewed=True)
    if contract is None or looked_at.filter(contract=contract).exists():
        return
    today = at.astimezone(zone(contract.seller.time_zone)).date()
    bill_contracts(contract_ids=[contract_id], seller=contract.seller, until_date=today, at=at)


def _bill(contract_ids: Sequence[int], *, run: BillingRun, at: datetime) -> None:
    bill_contracts(contract_ids=contract_ids, seller=run.seller, until_date=run.until_date, run=run, at=at)


@transaction.atomic
def bill_contracts(
    *, contract_ids: Sequence[int], seller: Organisation, until_date: date, at: datetime, run: BillingRun | None = None
) -> None:
    """Credit what was revised since it was billed, then draft and issue until nothing is due; all or nothing.

    :raises DocumentRefused: a document is refused
    """
    # All contracts before anything else, in their order: two runs at once wait here, and never for each other.
    lock_contracts(contract_ids)
    due = due_records(seller=seller, until_date=until_date).filter(session__contract__in=contract_ids)
    _credit_revised(contract_ids, revised=due.filter(revision__gt=1), seller=seller, run=run, at=at)
    left = contract_ids
    while drafts := draft_contracts(contract_ids=left, until_date=until_date, run=run):
        failpoints.hit("billing.drafted")
        issue_documents(drafts, issued_at=at)
        # Only a plan's periods are looked at again: they close when nothing more is due of them.
        left = with_plan(left)


@transaction.atomic
def _draft(contract_ids: Sequence[int], *, run: BillingRun, at: datetime) -> None:
    """Draft what is due, also what corrects a record that is billed already, which is credited when it is let go.

    The run is held meanwhile, so that one that still drafts never writes over what somebody looks at already.
    """
    drafting = BillingRun.objects.select_for_update(no_key=True).filter(status=RunStatus.RUNNING, approved_at=None)
    if not drafting.filter(pk=run.pk).exists():
        return
    draft_contracts(contract_ids=contract_ids, until_date=run.until_date, run=run)


@transaction.atomic
def _issue_drafts(contract_ids: Sequence[int], *, run: BillingRun, at: datetime) -> None:
    """Credit what the drafts of a run correct, and issue them as they were looked at; all or nothing.

    :raises DraftOutdated: what one of them bills has changed since; they stay drafts, and nothing is credited
    """
    lock_contracts(contract_ids)
    drafts = list(drafts_of(run).filter(contract__in=contract_ids).values_list("pk", flat=True))
    listed = Cdr.objects.filter(pk__in=InvoiceLine.objects.filter(invoice__in=drafts).values("cdr"))
    _credit_revised(contract_ids, revised=listed.filter(revision__gt=1), seller=run.seller, run=run, at=at)
    issue_invoices(invoice_ids=drafts, issued_at=at, issued_by=run.approved_by)


@transaction.atomic
def approve_run(*, run_id: int, by: User | None, at: datetime) -> BillingRun:
    """Let the drafts of a run go: they are issued as they stand. Approving it again changes nothing.

    :raises RunRefused: it is still drafting, or is not under review
    """
    run: BillingRun = BillingRun.objects.select_for_update(no_key=True).get(pk=run_id)
    if run.approved_at is not None:
        return run
    if run.status != RunStatus.DRAFTED:
        raise RunRefused("It is still drafting. Look at it when it is done.")
    run.status, run.approved_at, run.approved_by = RunStatus.RUNNING, at, by
    run.contracts_done, run.contracts_total, run.problems, run.progressed_at = 0, 0, [], at
    run.save()
    ring_on_commit("billing.run", id=run.pk)
    return run


@transaction.atomic
def draft_again(*, run_id: int, at: datetime) -> BillingRun:
    """Write the drafts of a run anew, with what is due and not held now.

    :raises RunRefused: it does not wait for a person
    """
    run: BillingRun = BillingRun.objects.select_for_update(no_key=True).get(pk=run_id)
    if run.status != RunStatus.DRAFTED:
        raise RunRefused("Only a run that waits for you can be drafted again.")
    run.status, run.contracts_done, run.contracts_total, run.problems = RunStatus.RUNNING, 0, 0, []
    run.progressed_at = at
    run.save()
    ring_on_commit("billing.run", id=run.pk)
    return run


@transaction.atomic
def give_up_run(*, run_id: int, at: datetime) -> BillingRun:
    """Throw away the drafts of a run under review and end it; what they list is due again.

    :raises RunRefused: it does not wait for a person
    """
    run: BillingRun = BillingRun.objects.select_for_update(no_key=True).get(pk=run_id)
    if run.status != RunStatus.DRAFTED:
        raise RunRefused("Only a run that waits for you can be given up.")
    for contract in Contract.objects.select_for_update().filter(pk__in=_contracts_of(run)).order_by("pk"):
        discard_drafts(contract)
    run.status, run.ended_at = RunStatus.DONE, at
    run.save()
    return run


def stalled_run_ids(*, at: datetime) -> list[int]:
    """Return the runs that nobody carries out any more."""
    running = BillingRun.objects.filter(status=RunStatus.RUNNING)
    quiet = Q(progressed_at__lte=at - STALLED_AFTER) | Q(progressed_at__isnull=True)
    return list(running.filter(quiet).order_by("pk").values_list("pk", flat=True))


def _share_costs(run: BillingRun, *, at: datetime) -> None:
    """Share what communities' costs came to; one that cannot be shared is named, and stops no invoice."""
    for cost, period in due_periods(seller=run.seller, until_date=run.until_date):
        try:
            share_cost(cost_id=cost.pk, first_day=period.first, at=at, by=None)
        except NotShared as refusal:
            _note_problem(run, f"{cost.customer}, {cost}, {period.first} to {period.last}: {refusal}.")


def _contracts_of(run: BillingRun) -> dict[int, int]:
    """Return the contracts that a run has drafts of, and the lines on them."""
    drafts = drafts_of(run).filter(contract__isnull=False).order_by()
    return dict(drafts.values_list("contract_id").annotate(size=Count("lines")))


def _contracts_with_work(run: BillingRun) -> dict[int, int]:
    """Return the contracts on which something may be due, and those with a draft left behind, and their due records.

    What is billed after each session is nobody's to look at first; a run without review picks up what was left over.
    """
    seller, until_date = run.seller, run.until_date
    records = due_records(seller=seller, until_date=until_date)
    if run.is_reviewed:
        records = records.exclude(session__contract__billing_cycle=BillingCycle.SESSION)
    due = dict(records.order_by().values_list("session__contract_id").annotate(size=Count("pk")))
    drafts = Invoice.objects.filter(seller=seller, status=InvoiceStatus.DRAFT, kind=Invoice.Kind.INVOICE).values_list(
        "contract_id", flat=True
    )
    held = set(open_holds().filter(seller=seller, contract__isnull=False).values_list("contract_id", flat=True))
    charged = due_charges(seller=seller, until_date=until_date).order_by().values_list("contract_id", flat=True)
    found = {*due, *drafts, *charged, *contracts_with_open_periods(seller.pk, until_date=until_date)}
    return {contract_id: due.get(contract_id, 0) for contract_id in found - held | {*drafts}}


def _together(sizes: Mapping[int, int]) -> Iterator[list[int]]:
    """Cut contracts into those that are done together, in the order of their keys, so that memory stays flat.

    sizes  contract → its records or lines, as many as there are
    """
    together: list[int] = []
    for contract_id in sorted(sizes):
        together.append(contract_id)
        if len(together) == CONTRACTS_TOGETHER or sum(sizes[one] for one in together) >= RECORDS_TOGETHER:
            yield together
            together = []
    if together:
        yield together


def _for_each(run: BillingRun, sizes: Mapping[int, int], work: Callable[[Sequence[int]], None]) -> None:
    """Do a step for some contracts at a time."""
    _count(run, contracts=len(sizes))
    for contract_ids in _together(sizes):
        _do(run, contract_ids, work)


def _do(run: BillingRun, contract_ids: Sequence[int], work: Callable[[Sequence[int]], None]) -> None:
    """Do a step for contracts together, or where that is refused, one by one: who is refused is named, and stops no
    other.
    """
    try:
        work(contract_ids)
    except DocumentRefused as refusal:
        if len(contract_ids) == 1:
            _note_progress(run, problem=f"{Contract.objects.get(pk=contract_ids[0]).number}: {refusal}")
        else:
            for contract_id in contract_ids:
                _do(run, [contract_id], work)
    else:
        _note_progress(run, contracts=len(contract_ids))


def _credit_revised(
    contract_ids: Sequence[int], *, revised: QuerySet[Cdr], seller: Organisation, run: BillingRun | None, at: datetime
) -> None:
    """Credit the lines that bill an earlier revision of these records, which are billed next."""
    bare = revised.select_related(None).prefetch_related(None).only("session_id", "reason")
    revision_of = {cdr.session_id: cdr for cdr in bare}
    if not revision_of:
        return
    lines = awaiting_correction(seller=seller).filter(
        invoice__contract__in=contract_ids, cdr__session_id__in=list(revision_of)
    )
    corrected: dict[int, dict[int, Cdr]] = defaultdict(dict)
    for line_id, invoice_id, session_id in lines.order_by("invoice__contract", "invoice", "position").values_list(
        "pk", "invoice_id", "cdr__session_id"
    ):
        corrected[invoice_id][line_id] = revision_of[session_id]
    for invoice_id, revisions in corrected.items():
        credit_lines(
            invoice_id=invoice_id,
            line_ids=list(revisions),
            reason="; ".join(dict.fromkeys(cdr.reason for cdr in revisions.values())),
            at=at,
            run=run,
        )


@transaction.atomic
def _count(run: BillingRun, *, contracts: int) -> None:
    """Say how many contracts are to be done; who takes up a run that was killed adds to what was done."""
    current = BillingRun.objects.select_for_update(no_key=True).get(pk=run.pk)
    current.contracts_total, current.progressed_at = current.contracts_done + contracts, clock.now()
    current.save(update_fields=["contracts_total", "progressed_at"])


@transaction.atomic
def _note_progress(run: BillingRun, *, contracts: int = 1, problem: str = "") -> None:
    """Count contracts; two runs at once share the row, so the count is capped by the total.

    The clock is asked, for a run's own instant is that of its beginning, however long it takes.
    """
    done = Least(F("contracts_done") + contracts, F("contracts_total"))
    BillingRun.objects.filter(pk=run.pk).update(contracts_done=done, progressed_at=clock.now())
    if problem:
        current = BillingRun.objects.get(pk=run.pk)
        current.problems = list(dict.fromkeys([*current.problems, problem]))
        current.save(update_fields=["problems"])


@transaction.atomic
def _note_problem(run: BillingRun, problem: str) -> None:
    current = BillingRun.objects.select_for_update(no_key=True).get(pk=run.pk)
    if problem not in current.problems:
        current.problems = [*current.problems, problem]
        current.save(update_fields=["problems"])


def _end(run: BillingRun, status: RunStatus, *, at: datetime) -> BillingRun:
    """End a step; a run whose drafts were not all issued waits for a person again.

    Whoever ends the drafting late, when the run was let go meanwhile, ends nothing.
    """
    if run.approved_at is not None and drafts_of(run).exists():
        status = RunStatus.DRAFTED
    ended_at = at if status is RunStatus.DONE else None
    approved_at = run.approved_at if status is RunStatus.DONE else None
    BillingRun.objects.filter(pk=run.pk, status=RunStatus.RUNNING, approved_at=run.approved_at).update(
        status=status, ended_at=ended_at, approved_at=approved_at
    )
    run.refresh_from_db()
    return run
