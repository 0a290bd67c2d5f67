"""Stored charge records priced anew per second: read from PostgreSQL, rated, added up, progress kept.

The laboratory's own code, page by page, against the naive way in the same run: session by session through the ORM, its
evidence gathered anew. Rated under their own version again, all records must come out as stored, to the byte.
"""

import json
import random
import statistics
import time
import tracemalloc
from argparse import ArgumentParser, Namespace
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection

from apps.analytics.domain.tally import Sums, Tally
from apps.analytics.models import TariffTrial
from apps.analytics.services import trials as services
from apps.core.clock import from_epoch_ms, to_epoch_ms
from apps.sessions.evidence import begin_of, end_of, gather, local_date, tax_rates
from apps.sessions.granted import grant_terms
from apps.sessions.models import Cdr, ChargingSession, MeterReading
from apps.sessions.services.rating import content_hash, price, write_cdr
from apps.tariffs.domain.facts import GrantTerms, RatingInputs, Reading, SessionFacts
from apps.tariffs.domain.rating import RatedSession, as_document, inputs_from_document, rate_session
from apps.tariffs.domain.terms import TariffTerms
from apps.tariffs.models import TariffVersion
from bench.house import own_database
from bench.measure import cpu_s_of_process, cpu_s_of_rounds, per_second, say
from tests.factories import Site, make_session, make_site, make_tariff

READINGS = 96
SAMPLE = timedelta(minutes=5)
RATED_APART = 500
"""So many sessions are drawn and rated one by one; the others are theirs at another instant of the same day."""
NAIVE_SHARE = 20
FIRST_DAY = date(2026, 1, 1)
DAYS = 200
ASKED_AT = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)


def _elements(night: str, day: str, evening: str) -> list[dict[str, Any]]:
    return [
        {
            "price_components": [{"type": "ENERGY", "price": night}],
            "restrictions": {"start_time": "22:00", "end_time": "06:00"},
        },
        {
            "price_components": [{"type": "ENERGY", "price": day}],
            "restrictions": {"start_time": "06:00", "end_time": "17:00"},
        },
        {"price_components": [{"type": "ENERGY", "price": evening}, {"type": "FLAT", "price": "0.35"}]},
    ]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--stored", type=int, default=6_000, help="charge records priced anew (%(default)s)")
    parser.add_argument("--rerating-rounds", type=int, default=5, help="rounds of re-rating (%(default)s)")


def run(options: Namespace) -> dict[str, Any]:
    """Seed one owner's records, price them anew in rounds and return records a second, memory and the rival's pace."""
    with own_database():
        say(f"rerating: storing {options.stored} records of {READINGS} readings")
        site, draft = _seed(options.stored)
        _assert_same_bytes(site.version, options.stored)
        rounds = [_round(draft, records=options.stored) for _ in range(options.rerating_rounds)]
        say("rerating: the naive way, then memory")
        rival = _naive(draft.terms(), records=max(options.stored // NAIVE_SHARE, 1))
        quarter, whole = _peak_bytes(draft, days=DAYS // 4), _peak_bytes(draft, days=DAYS)
        where = _where_the_time_goes(draft.terms(), rounds, records=options.stored)
    return {
        "unit": "charge records per CPU second, of the process and its PostgreSQL backend together",
        "readings": READINGS,
        "elements": len(draft.elements),
        "records": options.stored,
        "rounds": len(rounds),
        "page": services.PAGE,
        "per_cpu_s": per_second(options.stored, [one["cpu_s"] for one in rounds]),
        "per_wall_s": per_second(options.stored, [one["wall_s"] for one in rounds]),
        "statements": rounds[0]["statements"],
        "cpu_us_per_record": where,
        "peak_memory_mb": {
            "quarter_of_the_records": round(quarter / 1e6, 1),
            "all_records": round(whole / 1e6, 1),
            "growth_percent": round((whole / quarter - 1) * 100, 1),
        },
        "rival": rival,
        "equal": (
            f"all {options.stored} records rated under their own version hash to what was stored; "
            f"the naive way earns the same, to the cent"
        ),
    }


def _round(version: TariffVersion, *, records: int, days: int = DAYS) -> dict[str, Any]:
    """Ask what the days would have cost, and price them to the end."""
    trial = _ask(version, days=days)
    statements, backend = _Statements(), _backend_pid()
    with connection.execute_wrapper(statements):
        of_backend, own, wall = cpu_s_of_process(backend), time.process_time(), time.perf_counter()
        _to_the_end(trial)
        own_s, wall_s = time.process_time() - own, time.perf_counter() - wall
        backend_s = cpu_s_of_process(backend) - of_backend
    trial.refresh_from_db()
    tally = trial.tally()
    assert (trial.status, trial.sessions_done, tally.total.sessions) == ("done", records, records), trial.error
    return {
        "own_s": own_s,
        "backend_s": backend_s,
        "cpu_s": own_s + backend_s,
        "wall_s": wall_s,
        "statements": statements.count,
        "tally": tally,
    }


def _backend_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _ask(version: TariffVersion, *, days: int) -> TariffTrial:
    last_date = FIRST_DAY + timedelta(days=days - 1)
    return services.start_trial(tariff_version_id=version.pk, first_date=FIRST_DAY, last_date=last_date, at=ASKED_AT)


def _to_the_end(trial: TariffTrial) -> None:
    while services.price_page(trial_id=trial.pk, at=ASKED_AT):
        pass


def _where_the_time_goes(terms: TariffTerms, rounds: list[dict[str, Any]], *, records: int) -> dict[str, float]:
    """Return CPU microseconds a record: of both processes, and of the steps that can be measured apart."""
    texts = _texts(min(RATED_APART, records))
    inputs = [inputs_from_document(json.loads(text)) for text in texts]
    steps = cpu_s_of_rounds(
        {
            "json_to_python": lambda: _each(json.loads, texts),
            "json_to_values": lambda: _each(lambda text: inputs_from_document(json.loads(text)), texts),
            "rating": lambda: _each(lambda one: _rate(one, terms), inputs),
        },
        rounds=5,
    )
    each = {name: statistics.median(spent) / len(texts) for name, spent in steps.items()}
    median = {name: statistics.median(one[name] for one in rounds) / records for name in ("own_s", "backend_s")}
    return {
        name: round(seconds * 1e6, 1)
        for name, seconds in {"process": median["own_s"], "backend": median["backend_s"], **each}.items()
    }


def _each(work: Callable[[Any], object], items: Iterable[Any]) -> None:
    """Do the work on each and let go of the result."""
    deque(map(work, items), maxlen=0)


def _texts(records: int) -> list[str]:
    """Return stored inputs as the database sends them."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT inputs::text FROM {Cdr._meta.db_table} ORDER BY id LIMIT %s", [records])
        return [text for (text,) in cursor]


def _rate(inputs: RatingInputs, terms: TariffTerms) -> RatedSession:
    return rate_session(facts=inputs.facts, terms=terms, grant=inputs.grant, tax_rates=inputs.tax_rates)


def _naive(terms: TariffTerms, *, records: int) -> dict[str, Any]:
    """Price sessions one by one from their readings, as one would without stored inputs."""
    ids = list(Cdr.objects.order_by("pk").values_list("session_id", flat=True)[:records])
    sums = Sums()
    backend = _backend_pid()
    spent = []
    for _ in range(3):
        before = time.process_time() + cpu_s_of_process(backend)
        rated = [_rate_naively(session_id, terms) for session_id in ids]
        spent.append(time.process_time() + cpu_s_of_process(backend) - before)
    for one in rated:
        sums.net_after += one.net
        sums.gross_after += one.gross
    fast = _tally_of(ids, terms)
    assert (sums.net_after, sums.gross_after) == (fast.net_after, fast.gross_after), (sums, fast)
    return {
        "way": "a session at a time: row, evidence and record through the ORM",
        "records": records,
        "per_cpu_s": per_second(records, spent),
    }


def _rate_naively(session_id: int, terms: TariffTerms) -> RatedSession:
    session = ChargingSession.objects.select_related("tariff_version", "evse__station__location").get(pk=session_id)
    assert session.cdrs.latest("revision").gross is not None
    begin, end = begin_of(session), end_of(session)
    assert begin is not None
    (evidence,) = gather([session])
    clean = evidence.clean(begin=begin, end=end)
    assert not clean.problems, clean.problems
    facts = evidence.facts(clean.readings)
    rates = tax_rates(session, terms=terms, on=local_date(from_epoch_ms(facts.ended_at_ms), session))
    return rate_session(facts=facts, terms=terms, grant=grant_terms(session), tax_rates=rates)


def _tally_of(session_ids: list[int], terms: TariffTerms) -> Sums:
    """Add up the same sessions from their stored inputs."""
    sums = Sums()
    for inputs in Cdr.objects.filter(session_id__in=session_ids).values_list("inputs", flat=True):
        rated = _rate(inputs_from_document(inputs), terms)
        sums.net_after += rated.net
        sums.gross_after += rated.gross
    return sums


def _peak_bytes(version: TariffVersion, *, days: int) -> int:
    """Return the most that Python held while it priced the first days."""
    trial = _ask(version, days=days)
    tracemalloc.start()
    try:
        _to_the_end(trial)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _assert_same_bytes(version: TariffVersion, records: int) -> None:
    """Assert that the stored inputs lead to the stored documents, and a trial of their own version changes nothing."""
    terms, same = version.terms(), 0
    for inputs, stored_hash in Cdr.objects.values_list("inputs", "content_hash").iterator(500):
        rated = _rate(inputs_from_document(inputs), terms)
        same += content_hash(as_document(rated)) == stored_hash
    assert same == records, f"{records - same} of {records} records came out otherwise"
    tally: Tally = _round(version, records=records)["tally"]
    assert (tally.total.dearer, tally.total.cheaper) == (0, 0), tally.total
    assert tally.total.gross_before == tally.total.gross_after, tally.total


class _Statements:
    """Counts what goes to the database."""

    count = 0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.count += 1
        return execute(sql, params, many, context)


def _seed(records: int) -> tuple[Site, TariffVersion]:
    """Store rated sessions over the days; the first of them with their readings, for the naive way."""
    drawn = random.Random(96)
    site = make_site(max_power_w=22_000, elements=_elements("0.29", "0.39", "0.49"))
    apart = [_rated(site, drawn, number) for number in range(min(RATED_APART, records))]
    for cdr in apart[: max(records // NAIVE_SHARE, 1)]:
        _keep_readings(cdr)
    copies = [_copied(apart[number % len(apart)], number) for number in range(len(apart), records)]
    ChargingSession.objects.bulk_create([cdr.session for cdr in copies], batch_size=500)
    Cdr.objects.bulk_create(copies, batch_size=500)
    draft = TariffVersion.objects.create(
        tariff=make_tariff(owner=site.owner),
        currency="EUR",
        tax_included=False,
        elements=_elements("0.31", "0.37", "0.55"),
    )
    with connection.cursor() as cursor:
        # As autovacuum would have by the time anybody asks.
        cursor.execute("VACUUM ANALYZE")
    return site, draft


def _rated(site: Site, drawn: random.Random, number: int) -> Cdr:
    """Rate a session with a value of whole Wh about every five minutes, somewhere in the days."""
    at = datetime(2026, 1, 1, 1, tzinfo=UTC) + timedelta(days=number % DAYS, seconds=drawn.randrange(14 * 3600))
    energy = drawn.randrange(10**6, 10**7) * 1_000
    readings = []
    for _ in range(READINGS):
        readings.append(Reading(at_ms=to_epoch_ms(at), energy_milliwh=energy))
        at += SAMPLE + timedelta(seconds=drawn.randrange(-2, 3))
        energy += drawn.randrange(200, 1_800) * 1_000
    begin, end = readings[0], readings[-1]
    started_at, ended_at = from_epoch_ms(begin.at_ms), from_epoch_ms(end.at_ms)
    session = make_session(
        site=site,
        status="settled",
        started_at=started_at,
        start_received_at=started_at,
        ended_at=ended_at,
        end_received_at=ended_at,
        settled_at=ended_at,
        meter_start_milliwh=begin.energy_milliwh,
        meter_stop_milliwh=end.energy_milliwh,
    )
    facts = SessionFacts(
        started_at_ms=begin.at_ms, ended_at_ms=end.at_ms, time_zone=session.time_zone, register=tuple(readings)
    )
    return write_cdr(session, price(session, facts=facts, grant=GrantTerms()), at=ended_at)


def _keep_readings(cdr: Cdr) -> None:
    register = cdr.inputs["register"]
    MeterReading.objects.bulk_create(
        MeterReading(
            session=cdr.session,
            at=from_epoch_ms(at_ms),
            energy_milliwh=energy,
            context="Sample.Periodic",
            frame_id=cdr.session.start_frame_id,
        )
        for at_ms, energy in zip(register["at_ms"], register["energy_milliwh"], strict=True)
    )


def _copied(cdr: Cdr, number: int) -> Cdr:
    """Return the record as another session's: what it drew and when are the same, and so is its rating."""
    session = ChargingSession(
        **{
            **_fields_of(cdr.session, without={"id", "uid"}),
            "transaction_id": 1_000_000_000 + number,
        }
    )
    return Cdr(**{**_fields_of(cdr, without={"id"}), "session": session})


def _fields_of(row: Any, *, without: set[str]) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in row._meta.concrete_fields if field.name not in without}
