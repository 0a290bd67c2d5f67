"""State a driver's month of charging at home, pay what is due by file, and note what the bank and the fleet did."""

import csv
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import StringIO

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from apps.accounting.domain.home import HomePayoutStatus, Worth, advance_home_payout, difference, next_month
from apps.accounting.home_sheets import mail_statement
from apps.accounting.models import HomeFile, HomeLine, HomePayout, HomeReceipt, HomeStatement
from apps.accounting.sepa import Account, CreditTransfer, credit_transfers
from apps.accounts.models import Organisation, User
from apps.contracts.models import HomeAgreement, HomeDriver
from apps.core.domain.cells import defused
from apps.core.domain.zones import zone
from apps.invoices.domain.charge_words import ChargeKind
from apps.invoices.selectors import end_of_day
from apps.invoices.services.charges import write_charge
from apps.ledger import services as ledger
from apps.ledger.services import PostingLine, Role
from apps.sessions.domain.status import SessionStatus
from apps.sessions.explanation import current_revisions
from apps.sessions.models import Cdr


class HomeRefused(Exception):
    """Nothing was stated, paid or noted; the message says why."""


def unstated(driver: HomeDriver, *, until: date) -> QuerySet[Cdr]:
    """Return the current records of a driver's charging at home until a day that no statement lists, oldest first."""
    seller = driver.agreement.contract.seller
    records = current_revisions(Cdr.objects.filter(purpose=Cdr.Purpose.REIMBURSEMENT))
    return records.filter(
        ~Exists(HomeLine.objects.filter(cdr=OuterRef("pk"))),
        session__home_charger__driver=driver,
        session__status=SessionStatus.SETTLED,
        ended_at__lt=end_of_day(until, time_zone=seller.time_zone),
    ).order_by("ended_at", "pk")


def due_statements(*, at: datetime) -> list[tuple[int, date]]:
    """Return driver and month of each statement to make: something of a month that is over is on none."""
    waiting = current_revisions(Cdr.objects.filter(purpose=Cdr.Purpose.REIMBURSEMENT)).filter(
        ~Exists(HomeLine.objects.filter(cdr=OuterRef("pk"))), session__status=SessionStatus.SETTLED
    )
    drivers = HomeDriver.objects.filter(pk__in=waiting.values("session__home_charger__driver"))
    due = []
    for driver in drivers.select_related("agreement__contract__seller").order_by("pk"):
        month = _last_month(driver, at=at)
        is_stated = HomeStatement.objects.filter(driver=driver, month=month).exists()
        if not is_stated and unstated(driver, until=_last_day(month)).exists():
            due.append((driver.pk, month))
    return due


def _last_month(driver: HomeDriver, *, at: datetime) -> date:
    """Return the first day of the last month that is over where the seller is."""
    today = at.astimezone(zone(driver.agreement.contract.seller.time_zone)).date()
    first = today.replace(day=1)
    return date(first.year - (first.month == 1), (first.month - 2) % 12 + 1, 1)


def _last_day(month: date) -> date:
    return date.fromordinal(next_month(month).toordinal() - 1)


@transaction.atomic
def make_home_statement(*, driver_id: int, month: date, at: datetime) -> HomeStatement | None:
    """State what a driver's charging at home until the end of a month is worth, once; None where there is nothing.

    Posts what is due to the driver and from the fleet, and lets the fleet's next invoice list our fee. What a
    later revision changes is listed as the difference, by the next statement that is made.

    month  its first day

    :raises HomeRefused: the month is not over, or records are in several currencies
    """
    driver: HomeDriver = (
        HomeDriver.objects.select_for_update(of=("self",), no_key=True)
        .select_related("agreement__contract__seller")
        .get(pk=driver_id)
    )
    made = HomeStatement.objects.filter(driver=driver, month=month).first()
    if made is not None:
        return made
    agreement = driver.agreement
    last = _last_day(month)
    if at < end_of_day(last, time_zone=agreement.contract.seller.time_zone):
        raise HomeRefused(f"{month:%B %Y} is not over.")
    records = list(unstated(driver, until=last))
    if not records:
        return None
    if other := next((cdr for cdr in records if cdr.currency != agreement.currency), None):
        raise HomeRefused(f"{other} is in {other.currency}, the agreement in {agreement.currency}.")
    lines = [_line(cdr) for cdr in records]
    statement = HomeStatement.objects.create(
        driver=driver,
        month=month,
        currency=agreement.currency,
        amount=sum((line.amount.amount for line in lines), Decimal(0)),
        energy_milliwh=sum(line.energy_milliwh for line in lines),
        made_at=at,
    )
    for line in lines:
        line.statement = statement
    HomeLine.objects.bulk_create(lines)
    _post(
        agreement.contract.seller,
        key=f"home_statement:{statement.pk}",
        text=f"Charging at home, {driver}, {month:%Y-%m}",
        debit=Role.HOME_RECEIVABLE,
        credit=Role.HOME_PAYABLE,
        amount=statement.amount.amount,
        currency=statement.currency,
        on=last,
        at=at,
    )
    write_charge(
        contract_id=agreement.contract_id,
        key=f"home_fee:{statement.pk}",
        kind=ChargeKind.HOME_FEE,
        facts={"for": driver.name},
        first_day=month,
        last_day=last,
        amount=agreement.fee,
        currency=agreement.currency,
        tax_included=False,
    )
    if driver.email:
        mail_statement(statement, at=at)
    return statement


def _line(cdr: Cdr) -> HomeLine:
    """Return the unsaved line of a record: all of it, or what it changes of what its session was listed with."""
    listed = [
        Worth(amount=line.amount.amount, energy_milliwh=line.energy_milliwh)
        for line in HomeLine.objects.filter(cdr__session=cdr.session_id)
    ]
    worth = difference(Worth(amount=cdr.gross.amount, energy_milliwh=cdr.energy_milliwh), listed)
    return HomeLine(
        cdr=cdr,
        currency=cdr.currency,
        amount=worth.amount,
        energy_milliwh=worth.energy_milliwh,
        is_correction=bool(listed),
    )


def payable(seller: Organisation, *, paid_by: str) -> list[tuple[HomeDriver, list[HomeStatement]]]:
    """Return the drivers to whom something is due, each with the statements that a payment would pay."""
    open_statements = (
        HomeStatement.objects.filter(
            driver__agreement__contract__seller=seller, driver__agreement__paid_by=paid_by, payout__isnull=True
        )
        .select_related("driver__agreement")
        .order_by("driver__name", "driver", "month")
    )
    by_driver: dict[HomeDriver, list[HomeStatement]] = {}
    for statement in open_statements:
        by_driver.setdefault(statement.driver, []).append(statement)
    return [(driver, rows) for driver, rows in by_driver.items() if _sum(rows) > 0]


@transaction.atomic
def make_home_file(
    *, seller_id: int, kind: HomeFile.Kind, execution_date: date, by: User | None, at: datetime
) -> HomeFile:
    """Make one file that pays all drivers to whom something is due, by bank or by payroll; each is asked for once.

    :raises HomeRefused: nothing is due, an account or a payroll number is missing, or it is not in EUR
    """
    seller = Organisation.objects.select_for_update(no_key=True).get(pk=seller_id)
    paid_by = HomeAgreement.PaidBy.TRANSFER if kind == HomeFile.Kind.PAIN001 else HomeAgreement.PaidBy.PAYROLL
    due = payable(seller, paid_by=paid_by)
    if not due:
        raise HomeRefused("Nothing is due to any driver.")
    make = _pain001 if kind == HomeFile.Kind.PAIN001 else _payroll_list
    message_id, content = make(seller, due, execution_date=execution_date, at=at)
    file = HomeFile.objects.create(
        seller=seller,
        kind=kind,
        message_id=message_id,
        execution_date=execution_date,
        content=content,
        made_by=by,
        made_at=at,
    )
    for driver, statements in due:
        payout = HomePayout.objects.create(
            driver=driver, file=file, currency=statements[0].currency, amount=_sum(statements)
        )
        HomeStatement.objects.filter(pk__in=[one.pk for one in statements]).update(payout=payout)
    return file


def _pain001(
    seller: Organisation,
    due: Sequence[tuple[HomeDriver, list[HomeStatement]]],
    *,
    execution_date: date,
    at: datetime,
) -> tuple[str, bytes]:
    if not seller.iban:
        raise HomeRefused("Your organisation has no IBAN: enter it in its bank account.")
    if bare := [driver.name for driver, _ in due if not driver.iban]:
        raise HomeRefused(f"No IBAN is known of {', '.join(bare)}: enter it on the driver's page.")
    if any(statements[0].currency != "EUR" for _, statements in due):
        raise HomeRefused("SEPA transfers are in EUR.")
    transfers = [
        CreditTransfer(
            to=Account(name=driver.name, iban=driver.iban),
            amount=_sum(statements),
            description=f"Charging at home {_months(statements)}",
            # One a payment for ever: what came back is another statement's payment only after it was noted.
            end_to_end_id=f"WL-HOME-{statements[-1].pk}-{at:%y%m%d%H%M%S}",
        )
        for driver, statements in due
    ]
    payer = Account(name=seller.account_holder or seller.name, iban=seller.iban, bic=seller.bic)
    return credit_transfers(payer, transfers, on=execution_date)


def _payroll_list(
    seller: Organisation,
    due: Sequence[tuple[HomeDriver, list[HomeStatement]]],
    *,
    execution_date: date,
    at: datetime,
) -> tuple[str, bytes]:
    if bare := [driver.name for driver, _ in due if not driver.payroll_number]:
        raise HomeRefused(f"No payroll number is known of {', '.join(bare)}: enter it on the driver's page.")
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(["employer", "payroll_number", "name", "months", "kwh", "amount", "currency"])
    for driver, statements in due:
        energy = Decimal(sum(one.energy_milliwh for one in statements)) / 1_000_000
        cells = [driver.agreement.contract.number, driver.payroll_number, driver.name, _months(statements)]
        amount = _plain_number(_sum(statements))
        writer.writerow([*map(defused, cells), f"{energy:.3f}", amount, statements[0].currency])
    return f"PAYROLL-{seller.pk}-{at:%Y%m%d%H%M%S%f}"[:35], out.getvalue().encode("utf-8-sig")


def _plain_number(amount: Decimal) -> str:
    cents = amount.quantize(Decimal("0.01"))
    return f"{cents:f}" if cents == amount else f"{amount.normalize():f}"


def _months(statements: Iterable[HomeStatement]) -> str:
    return ", ".join(f"{one.month:%Y-%m}" for one in statements)


def _sum(statements: Iterable[HomeStatement]) -> Decimal:
    return sum((one.amount.amount for one in statements), Decimal(0))


@transaction.atomic
def note_paid(*, payout_id: int, by: User | None, at: datetime) -> HomePayout:
    """Note that a driver has the money, and post it; noting it again changes nothing.

    By bank it left our account; by payroll the employer paid, so what the fleet owes goes down with it.

    :raises IllegalMove: it came back
    """
    payout = _lock(payout_id)
    if payout.status == HomePayoutStatus.PAID:
        return payout
    payout.status = advance_home_payout(HomePayoutStatus(payout.status), HomePayoutStatus.PAID)
    payout.paid_at, payout.noted_by = at, by
    payout.save()
    _post_payout(payout, "paid", sign=1, at=at)
    return payout


@transaction.atomic
def note_returned(*, payout_id: int, reason: str, by: User | None, at: datetime) -> HomePayout:
    """Note that a payment did not arrive: its statements are due again, by another payment. Again changes nothing.

    :raises HomeRefused: the reason is empty
    """
    payout = _lock(payout_id)
    if payout.status == HomePayoutStatus.RETURNED:
        return payout
    if not reason.strip():
        raise HomeRefused("Say why it came back; it stands with the payment.")
    payout.status = advance_home_payout(HomePayoutStatus(payout.status), HomePayoutStatus.RETURNED)
    payout.returned_at, payout.reason, payout.noted_by = at, reason.strip()[:200], by
    payout.save()
    payout.statements.update(payout=None)
    if payout.paid_at is not None:
        _post_payout(payout, "returned", sign=-1, at=at)
    return payout


@transaction.atomic
def note_received(
    *,
    agreement_id: int,
    reference: str,
    amount: Decimal,
    received_on: date,
    by: User | None,
    at: datetime,
) -> HomeReceipt:
    """Note money that a fleet paid for its drivers, and post it; the same reference again is the first.

    :raises HomeRefused: the reference is empty, or was noted with another amount
    """
    reference = reference.strip()
    if not reference or not amount:
        raise HomeRefused("Name the transfer as the bank statement does, and its amount.")
    agreement: HomeAgreement = (
        HomeAgreement.objects.select_for_update(of=("self",), no_key=True)
        .select_related("contract__seller")
        .get(pk=agreement_id)
    )
    known = HomeReceipt.objects.filter(agreement=agreement, reference=reference).first()
    if known is not None:
        if known.amount.amount != amount:
            raise HomeRefused(f"“{reference}” was noted with {known.amount} already.")
        return known
    receipt = HomeReceipt.objects.create(
        agreement=agreement,
        reference=reference,
        received_on=received_on,
        currency=agreement.currency,
        amount=amount,
        noted_by=by,
        noted_at=at,
    )
    _post(
        agreement.contract.seller,
        key=f"home_receipt:{receipt.pk}",
        text=f"{agreement.contract.customer.name} for charging at home",
        debit=Role.BANK,
        credit=Role.HOME_RECEIVABLE,
        amount=amount,
        currency=agreement.currency,
        on=received_on,
        at=at,
    )
    return receipt


def _lock(payout_id: int) -> HomePayout:
    payout: HomePayout = (
        HomePayout.objects.select_for_update(of=("self",))
        .select_related("driver__agreement__contract__seller", "file")
        .get(pk=payout_id)
    )
    return payout


def _post_payout(payout: HomePayout, word: str, *, sign: int, at: datetime) -> None:
    seller = payout.driver.agreement.contract.seller
    by_bank = payout.file.kind == HomeFile.Kind.PAIN001
    _post(
        seller,
        key=f"home_payout:{payout.pk}:{word}",
        text=f"Charging at home, {payout.driver}, {word}",
        debit=Role.HOME_PAYABLE,
        credit=Role.BANK if by_bank else Role.HOME_RECEIVABLE,
        amount=sign * payout.amount.amount,
        currency=payout.currency,
        on=at.astimezone(zone(seller.time_zone)).date(),
        at=at,
    )


def _post(
    seller: Organisation,
    *,
    key: str,
    text: str,
    debit: Role,
    credit: Role,
    amount: Decimal,
    currency: str,
    on: date,
    at: datetime,
) -> None:
    ledger.post(
        entity_id=seller.pk,
        key=key,
        posted_on=on,
        tax_date=on,
        text=text[:200],
        lines=(PostingLine(role=debit, amount=amount), PostingLine(role=credit, amount=-amount)),
        currency=currency,
        at=at,
    )
