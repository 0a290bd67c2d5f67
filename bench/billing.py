"""Charge records billed per second: drafted, issued, numbered and posted, without the files.

Runs of several sizes, each of a new seller: a record must cost the same in all, and the process must not grow with
them (``--contracts 1000`` is a month of a large owner, ``--contracts 100 1000 10000`` ends with a million records).

Nothing naive to compare with: without its locks, copies and posting an invoice would be another thing. Instead
every amount is added up again from the records, and a second run must find nothing.
"""

import resource
import time
from argparse import ArgumentParser, Namespace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Sum

from apps.accounts.models import Organisation
from apps.core.clock import to_epoch_ms
from apps.invoices.models import Invoice, InvoiceLine
from apps.invoices.services.billing import run_billing
from apps.ledger.models import Journal, LedgerEntry
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.services.rating import price, write_cdr
from apps.tariffs.domain.facts import GrantTerms, Reading, SessionFacts
from bench.house import own_database
from bench.measure import cpu_s_of_process, say
from tests.factories import Site, make_contract, make_customer, make_session, make_site

NIGHT_AND_DAY: list[dict[str, Any]] = [
    {
        "price_components": [{"type": "ENERGY", "price": "0.29"}],
        "restrictions": {"start_time": "22:00", "end_time": "06:00"},
    },
    {"price_components": [{"type": "ENERGY", "price": "0.49"}]},
    {"price_components": [{"type": "FLAT", "price": "0.35"}]},
]
FIRST_NIGHT = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)
UNTIL = date(2026, 12, 31)
ISSUED_AT = datetime(2027, 1, 1, 6, 0, tzinfo=UTC)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--contracts", type=int, nargs="+", default=[25, 100], help="contracts of each run, ascending (%(default)s)"
    )
    parser.add_argument("--records-each", type=int, default=100, help="charge records of each (%(default)s)")


def run(options: Namespace) -> dict[str, Any]:
    """Bill a new seller's records in each size and return the figures of the last one, and a record's cost in all."""
    with own_database():
        # What is asked for once, such as the terms of the catalogue, is asked for before.
        _round(1, records_each=1)
        rounds = [_round(contracts, records_each=options.records_each) for contracts in options.contracts]
    largest = rounds[-1]
    return {
        "unit": "charge records per second, one process",
        "records": largest["records"],
        "contracts": options.contracts[-1],
        "records_per_s": round(largest["records"] / largest["wall_s"]),
        "cpu_ms_per_record": round(largest["cpu_s"] / largest["records"] * 1000, 2),
        "backend_cpu_ms_per_record": round(largest["backend_s"] / largest["records"] * 1000, 2),
        "records_per_cpu_s": round(1000 / _cpu_ms_per_record(largest)),
        "statements_per_invoice": round(largest["statements"] / options.contracts[-1], 1),
        "second_run_ms": round(largest["again_s"] * 1000, 1),
        "cost_of_a_record_ms": {one["records"]: round(_cpu_ms_per_record(one), 3) for one in rounds},
        "grown_by_mib": {one["records"]: round(one["grown_by_mib"], 1) for one in rounds},
        "rival": None,
        "why_no_rival": "an invoice without locks, copied terms and posting would be another thing",
        "equal": "Σ records = Σ lines = Σ invoices = Σ receivables, to the cent; a second run writes nothing",
    }


def _round(contracts: int, *, records_each: int) -> dict[str, Any]:
    site = _seed(contracts, records_each=records_each)
    records = contracts * records_each
    say(f"billing: {records} records of {contracts} contracts")
    statements = _Statements()
    peak = _peak_mib()
    backend = _backend_pid()
    with connection.execute_wrapper(statements):
        of_backend, cpu, wall = cpu_s_of_process(backend), time.process_time(), time.perf_counter()
        run_billing(seller_id=site.owner.pk, until_date=UNTIL, at=ISSUED_AT)
        cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
        backend_s = cpu_s_of_process(backend) - of_backend
    grown_by_mib = _peak_mib() - peak
    billed = _assert_billed(site.owner, records=records, contracts=contracts)
    wall = time.perf_counter()
    run_billing(seller_id=site.owner.pk, until_date=UNTIL, at=ISSUED_AT)
    again_s = time.perf_counter() - wall
    again = _assert_billed(site.owner, records=records, contracts=contracts)
    assert again == billed, "the second run wrote something"
    return {
        "records": records,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "backend_s": backend_s,
        "statements": statements.count,
        "again_s": again_s,
        "grown_by_mib": grown_by_mib,
    }


def _cpu_ms_per_record(measured: dict[str, Any]) -> float:
    """Return what a record costs both processors' clocks; neighbours on the machine change it less than the wall's."""
    spent: float = measured["cpu_s"] + measured["backend_s"]
    return spent / measured["records"] * 1000


def _backend_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid: int = cursor.fetchone()[0]
    return pid


def _peak_mib() -> float:
    """Return the most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class _Statements:
    """Counts what goes to the database."""

    count = 0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.count += 1
        return execute(sql, params, many, context)


def _seed(contracts: int, *, records_each: int) -> Site:
    """Give one contract its sessions, rated by the engine, and every other contract the same nights."""
    site = make_site(elements=NIGHT_AND_DAY)
    rated = [rate_night(site, night).session_id for night in range(records_each)]
    others = [make_contract(customer=make_customer(seller=site.owner)).pk for _ in range(contracts - 1)]
    with transaction.atomic(), connection.cursor() as cursor:
        # Foreign keys are right by construction; asking for each of a million would take longer than writing them.
        cursor.execute("SET LOCAL session_replication_role = replica; SET LOCAL statement_timeout = 0")
        _copy_nights(cursor, rated, others)
    with connection.cursor() as cursor:
        # As autovacuum does after so many new rows.
        cursor.execute("ANALYZE")
    return site


def rate_night(site: Site, night: int) -> Cdr:
    """Rate a session of two hours across the 22:00 boundary."""
    begin_at = FIRST_NIGHT + timedelta(days=night % 270, minutes=night // 270)
    end_at = begin_at + timedelta(hours=2)
    session = make_session(
        site=site,
        status="settled",
        started_at=begin_at,
        start_received_at=begin_at,
        ended_at=end_at,
        end_received_at=end_at,
        settled_at=end_at,
    )
    begin = Reading(at_ms=to_epoch_ms(begin_at), energy_milliwh=session.meter_start_milliwh)
    end = Reading(at_ms=to_epoch_ms(end_at), energy_milliwh=session.meter_start_milliwh + 12_345_000 + night * 1_000)
    facts = SessionFacts(
        started_at_ms=begin.at_ms, ended_at_ms=end.at_ms, time_zone=session.time_zone, register=(begin, end)
    )
    return write_cdr(session, price(session, facts=facts, grant=GrantTerms()), at=end_at)


def _copy_nights(cursor: Any, nights: list[int], contracts: list[int]) -> None:
    """Write the sessions of some nights for other contracts too: drawn, at the same times, and rated as they were."""
    sessions, records = ChargingSession._meta.db_table, Cdr._meta.db_table
    transaction_id = "c.id * 100000 + s.transaction_id"
    columns, values = _copied(
        ChargingSession,
        uid="gen_random_uuid()",
        contract_id="c.id",
        transaction_id=transaction_id,
        token_id="NULL",
        vehicle_id="NULL",
    )
    cursor.execute(
        f"INSERT INTO {sessions} ({columns}) SELECT {values} FROM {sessions} s "
        "CROSS JOIN unnest(%s::bigint[]) c(id) WHERE s.id = ANY(%s)",
        [contracts, nights],
    )
    columns, values = _copied(Cdr, session_id="n.id")
    cursor.execute(
        f"INSERT INTO {records} ({columns}) SELECT {values} FROM {records} r JOIN {sessions} s ON s.id = r.session_id "
        "CROSS JOIN unnest(%s::bigint[]) c(id) "
        f"JOIN {sessions} n ON n.contract_id = c.id AND n.transaction_id = {transaction_id} "
        "WHERE s.id = ANY(%s)",
        [contracts, nights],
    )


def _copied(model: Any, **told: str) -> tuple[str, str]:
    """Return the columns of a copy and what to select for them: what is told, and else the row's own."""
    alias = {ChargingSession: "s", Cdr: "r"}[model]
    columns = [field.column for field in model._meta.concrete_fields if not field.primary_key]
    return ", ".join(columns), ", ".join(told.get(column, f"{alias}.{column}") for column in columns)


def _assert_billed(seller: Organisation, *, records: int, contracts: int) -> dict[str, Any]:
    """Assert that each record is on one issued line and that all sums agree; return what there is."""
    of_seller = {"invoice__seller": seller, "invoice__status": "issued"}
    lines = InvoiceLine.objects.filter(**of_seller).aggregate(n=Count("pk"), cdrs=Count("cdr", distinct=True))
    assert lines == {"n": records, "cdrs": records}, lines
    line_net = InvoiceLine.objects.filter(**of_seller).aggregate(net=Sum("net"))["net"]
    record_net = Cdr.objects.filter(session__seller=seller).aggregate(net=Sum("net"))["net"]
    invoices = Invoice.objects.filter(seller=seller, status="issued").aggregate(
        n=Count("pk"), net=Sum("net"), tax=Sum("tax"), gross=Sum("gross")
    )
    assert invoices["n"] == contracts, invoices
    assert record_net == line_net == invoices["net"] == invoices["gross"] - invoices["tax"], invoices
    entries = LedgerEntry.objects.filter(journal__entity=seller)
    receivable = entries.filter(amount__gt=0).aggregate(sum=Sum("amount"))["sum"]
    assert receivable == invoices["gross"], (receivable, invoices)
    assert entries.aggregate(sum=Sum("amount"))["sum"] == Decimal(0)
    return {**invoices, "journals": Journal.objects.filter(entity=seller).count(), "entries": entries.count()}
