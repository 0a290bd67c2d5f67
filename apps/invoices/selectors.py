"""What is due, what was billed, and what waits for a person."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from django.db.models import (
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.fields import CharField
from django.db.models.functions import Cast, Coalesce, Concat

from apps.accounts.models import Organisation
from apps.contracts.domain.cycles import BillingCycle
from apps.contracts.domain.payers import Origin
from apps.contracts.domain.plans import Days
from apps.contracts.models import Contract
from apps.core.domain.zones import zone
from apps.documents.models import Document
from apps.documents.selectors import get_document
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import BilledPeriod, BillingHold, BillingRun, Invoice, InvoiceLine, PrepaidRecord
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import Cdr, ChargingSession, PayerDecision


def end_of_day(day: date, *, time_zone: str) -> datetime:
    """Return the first instant (UTC) after a local day of ``time_zone``; days of 23 and 25 hours included."""
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=zone(time_zone)).astimezone(UTC)


def begin_of_day(day: date, *, time_zone: str) -> datetime:
    """Return the first instant (UTC) of a local day of ``time_zone``."""
    return end_of_day(day - timedelta(days=1), time_zone=time_zone)


def _newer_revisions(session: str, purpose: str, revision: str) -> QuerySet[Cdr]:
    return Cdr.objects.filter(
        session=OuterRef(session), purpose=OuterRef(purpose), revision__gt=OuterRef(revision)
    ).order_by()


def due_records(*, seller: Organisation, until_date: date) -> QuerySet[Cdr]:
    """Return the current charge records on contracts that no line points at and nobody holds, oldest supply first.

    Those of a prepaid contract wait until its wallet has paid for them; those taxed at top-up are never due.
    """
    return current_records(seller=seller, until_date=until_date).filter(
        ~Exists(InvoiceLine.objects.filter(cdr=OuterRef("pk")).order_by()),
        ~Exists(open_holds().filter(session=OuterRef("session")).order_by()),
        ~Exists(_still_marked(until=end_of_day(until_date, time_zone=seller.time_zone))),
        is_billable_if_prepaid(),
    )


def billed_by_session() -> QuerySet[Cdr]:
    """Return the charge records of contracts whose sessions are billed one by one."""
    return Cdr.objects.filter(session__contract__billing_cycle=BillingCycle.SESSION).order_by()


def left_by_session(*, at: datetime) -> list[int]:
    """Return the contracts whose sessions are billed one by one and on which something is due, by their keys."""
    sellers = Organisation.objects.filter(
        pk__in=Contract.objects.filter(billing_cycle=BillingCycle.SESSION).order_by().values("seller")
    )
    contract_ids: set[int] = set()
    for seller in sellers:
        today = at.astimezone(zone(seller.time_zone)).date()
        due = due_records(seller=seller, until_date=today).filter(session__contract__billing_cycle=BillingCycle.SESSION)
        contract_ids.update(due.order_by().values_list("session__contract_id", flat=True).distinct())
    return sorted(contract_ids)


def _still_marked(*, until: datetime) -> QuerySet[PayerDecision]:
    """Return the decisions, for use in ``Exists``, that the driver may still change when the billed days are over."""
    window = ExpressionWrapper(F("mark_days") * Value(timedelta(days=1)), output_field=DurationField())
    first = PayerDecision.objects.filter(session=OuterRef("session"), number=1, mark_days__gt=0).order_by()
    return (
        first.annotate(window=window)
        .filter(session__ended_at__gt=Value(until) - F("window"))
        .exclude(Exists(PayerDecision.objects.filter(session=OuterRef("session"), origin=Origin.CORRECTED).order_by()))
    )


def open_holds() -> QuerySet[BillingHold]:
    """Return what is kept from being billed."""
    return BillingHold.objects.filter(released_at__isnull=True)


def is_billable_if_prepaid() -> Q:
    """Return the condition on charge records that no prepaid wallet stands before their being billed."""
    decided = PrepaidRecord.objects.filter(cdr=OuterRef("pk")).order_by()
    is_prepaid = Q(session__contract__collects_on=Contract.CollectsOn.WALLET)
    return ~Q(Exists(decided.filter(is_taxed_before=True))) & (~is_prepaid | Q(Exists(decided)))


def current_records(*, seller: Organisation, until_date: date) -> QuerySet[Cdr]:
    """Return the current charge records on contracts, billed or not, oldest supply first.

    They ended before the seller's local ``until_date`` was over, and their session is settled: a session under review
    is never billed by itself.
    """
    return (
        Cdr.objects.filter(
            ~Exists(_newer_revisions("session", "purpose", "revision")),
            purpose=Cdr.Purpose.RETAIL,
            session__seller=seller,
            session__contract__isnull=False,
            session__status=SessionStatus.SETTLED,
            ended_at__lt=end_of_day(until_date, time_zone=seller.time_zone),
        )
        # Many sessions share a station and a tariff: one object each, instead of a copy in every row.
        .select_related("session")
        .prefetch_related(
            "session__station__location",
            "session__evse",
            "session__vehicle",
            "session__cost_centre",
            "tariff_version",
        )
        # What it was rated from is many times larger than what was rated, and rarely asked for.
        .defer("inputs")
        .order_by("ended_at", "pk")
    )


def outdated_records(cdr_ids: Collection[int]) -> QuerySet[Cdr]:
    """Return those of these charge records that are not to be billed any more: revised, in review, or held."""
    is_current = Q(session__status=SessionStatus.SETTLED) & ~Exists(_newer_revisions("session", "purpose", "revision"))
    is_free = ~Exists(open_holds().filter(session=OuterRef("session")).order_by())
    return Cdr.objects.filter(pk__in=cdr_ids).exclude(is_current & is_free).select_related("session").order_by("pk")


def closed_until(contract: Contract) -> date | None:
    """Return the last local day of a contract's periods of which all is billed; None: none is."""
    closed = BilledPeriod.objects.filter(contract=contract, is_closed=True)
    last: date | None = closed.aggregate(last=Max("last_day"))["last"]
    return last


def billed_as(contract: Contract) -> list[Days]:
    """Return the periods of a contract that were billed, all of it or in part."""
    return [row.days for row in BilledPeriod.objects.filter(contract=contract).order_by("first_day")]


def with_something_left(lines: QuerySet[InvoiceLine]) -> QuerySet[InvoiceLine]:
    """Keep the lines that credit notes have not taken back in full."""
    parts = InvoiceLine.objects.filter(credits=OuterRef("pk")).order_by().values("credits")
    taken = parts.annotate(taken=Sum(Coalesce("gross", "net"))).values("taken")
    return lines.annotate(taken=Subquery(taken)).filter(
        Q(taken__isnull=True) | ~Q(taken=-Coalesce(F("gross"), F("net")))
    )


def uncredited_lines() -> QuerySet[InvoiceLine]:
    """Return the lines, for use in ``Exists``, that bill another revision of a charge record and are not taken back."""
    billed = InvoiceLine.objects.filter(
        cdr__session=OuterRef("session"), cdr__purpose=OuterRef("purpose"), invoice__status=InvoiceStatus.ISSUED
    )
    return with_something_left(billed).order_by()


def correcting_records(cdr_ids: Collection[int]) -> list[int]:
    """Return those of these charge records of which another revision is billed, and not taken back."""
    revised = Cdr.objects.filter(pk__in=cdr_ids, revision__gt=1)
    return list(revised.filter(Exists(uncredited_lines())).order_by("pk").values_list("pk", flat=True))


def due_receipts() -> QuerySet[Cdr]:
    """Return the charge records to write receipts for: of anonymous grants, their session settled, oldest first.

    One receipt a session, for ever: a session with any revision on a line has had its own. What is corrected later is
    never charged to an anonymous driver again (PAYMENTS.md "The driver's payment").
    """
    lines = InvoiceLine.objects.filter(cdr__session=OuterRef("session"), cdr__purpose=OuterRef("purpose"))
    return Cdr.objects.filter(
        ~Exists(_newer_revisions("session", "purpose", "revision")),
        ~Exists(lines.order_by()),
        purpose=Cdr.Purpose.RETAIL,
        session__grant__isnull=False,
        session__contract__isnull=True,
        session__status=SessionStatus.SETTLED,
    ).order_by("rated_at", "pk")


def get_receipt(session_id: int) -> Invoice | None:
    """Return the receipt of an anonymous driver's session, or None while it is not issued yet."""
    receipts = Invoice.objects.filter(kind=Invoice.Kind.RECEIPT, status=InvoiceStatus.ISSUED)
    return receipts.filter(lines__cdr__session=session_id).first()


def charged_document(session_id: int) -> Invoice | None:
    """Return what an anonymous driver is charged by for a session: the receipt, or the invoice in its stead."""
    charging = Invoice.objects.filter(customer__isnull=True, status=InvoiceStatus.ISSUED, credits__isnull=True)
    return charging.filter(lines__cdr__session=session_id).order_by("-pk").first()


def overcharging_records() -> QuerySet[Cdr]:
    """Return the current revisions of anonymous drivers' sessions that come to less than their document charges."""
    lines = InvoiceLine.objects.filter(invoice__customer__isnull=True, cdr__session=OuterRef("session"))
    charging = with_something_left(lines).order_by().values("cdr__session")
    left = charging.annotate(left=Sum(F("gross") + Coalesce(F("taken"), Value(Decimal(0))))).values("left")
    return (
        Cdr.objects.filter(
            ~Exists(_newer_revisions("session", "purpose", "revision")),
            purpose=Cdr.Purpose.RETAIL,
            revision__gt=1,
            session__contract__isnull=True,
            session__status=SessionStatus.SETTLED,
        )
        .annotate(left=Subquery(left))
        .filter(left__gt=F("gross"))
        .order_by("pk")
    )


def awaiting_correction(*, seller: Organisation) -> QuerySet[InvoiceLine]:
    """Return issued lines whose charge record was revised since.

    The next billing run credits those of invoices and bills anew. Of an anonymous driver's, a lower truth is credited
    by itself; a higher one stays here, and nothing is charged for it.
    """
    revised = InvoiceLine.objects.filter(
        Exists(_newer_revisions("cdr__session", "cdr__purpose", "cdr__revision")),
        invoice__seller=seller,
        invoice__status=InvoiceStatus.ISSUED,
    )
    return with_something_left(revised).select_related("invoice", "cdr").order_by("invoice", "position")


def drafts_of(run: BillingRun) -> QuerySet[Invoice]:
    """Return the drafts of a billing run, by customer."""
    return (
        run.invoices.filter(status=InvoiceStatus.DRAFT)
        .select_related("customer", "contract")
        .order_by("customer__name", "pk")
    )


def documents_of(run: BillingRun) -> QuerySet[Invoice]:
    """Return what a billing run issued, invoices and credit notes, in order of issue."""
    return run.invoices.filter(status=InvoiceStatus.ISSUED).select_related("customer").order_by("pk")


def document_key(invoice: Invoice) -> str:
    """Return the natural key under which an invoice's file is kept."""
    return f"invoice:{invoice.pk}:document"


def data_key(invoice: Invoice) -> str:
    """Return the natural key under which an electronic invoice's data (XML) are kept."""
    return f"invoice:{invoice.pk}:xml"


def get_data(invoice: Invoice) -> Document | None:
    """Return the data of an electronic invoice in its customer's format, or None: not made yet, or it is none."""
    return get_document(seller_id=invoice.seller_id, key=data_key(invoice))


def get_file(invoice: Invoice) -> Document | None:
    """Return the rendered file of an issued document, or None while it is not rendered yet."""
    return get_document(seller_id=invoice.seller_id, key=document_key(invoice))


def why_payer_is_fixed(session: ChargingSession) -> str:
    """Say why who pays for a session cannot be marked any more: it is billed; "" where it is not."""
    billed = InvoiceLine.objects.filter(cdr__session=session)
    if PrepaidRecord.objects.filter(cdr__session=session).exists():
        return "A prepaid wallet has paid for it: ask your charging provider."
    return "It is billed already: ask your charging provider." if billed.exists() else ""


def undocumented() -> QuerySet[Invoice]:
    """Return issued documents that have no file yet, oldest first."""
    key = Concat(Value("invoice:"), Cast(OuterRef("pk"), CharField()), Value(":document"))
    return Invoice.objects.filter(
        ~Exists(Document.objects.filter(seller=OuterRef("seller"), key=key).order_by()),
        status=InvoiceStatus.ISSUED,
    ).order_by("pk")


def cancelled_invoices(contract: Contract) -> QuerySet[Invoice]:
    """Return the invoices on a contract of which credit notes have left nothing."""
    noted = Invoice.objects.filter(contract=contract, kind=Invoice.Kind.INVOICE, credit_notes__isnull=False).distinct()
    lines = InvoiceLine.objects.filter(invoice=OuterRef("pk"))
    return noted.filter(~Exists(with_something_left(lines).order_by()))


def is_credited_in_full(invoice: Invoice) -> bool:
    """Tell whether every line of an issued invoice was taken back."""
    return not with_something_left(invoice.lines.all()).exists()
