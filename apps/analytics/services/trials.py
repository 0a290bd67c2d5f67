"""How a trial comes about and gets through its sessions: a page at a time, each kept before the next begins.

A page reads, prices and then moves the trial's row from the place it had read from; if the row is elsewhere by then,
another worker was faster and this one stops. So a redelivered task, two workers at once or a killed one cost work, and
never count a session twice.
"""

import logging
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.analytics.domain.rerating import Tried, add_to
from apps.analytics.domain.status import UNFINISHED, TrialStatus, advance
from apps.analytics.models import TariffTrial
from apps.analytics.selectors import next_records, rates_of, records_of, unfinished_since
from apps.core import failpoints
from apps.core.bells import ring_on_commit
from apps.tariffs.domain.parse import TariffError, parse_tariff
from apps.tariffs.domain.rating import ENGINE_VERSION, canonical_bytes
from apps.tariffs.models import TariffVersion

log = logging.getLogger(__name__)

PAGE = 500
SILENCE = timedelta(seconds=60)
"""After so long without a page a trial has no worker any more: a page takes a fraction of a second."""
MOST_TAKEN_UP = 5
_EARLIEST = date(2000, 1, 1)


class TrialRefused(Exception):
    """The trial cannot be made; the message says why."""


@transaction.atomic
def start_trial(
    *,
    tariff_version_id: int,
    first_date: date,
    last_date: date,
    at: datetime,
    only_this_tariff: bool = False,
    by: User | None = None,
) -> TariffTrial:
    """Ask what the owner's sessions of some local days would have cost under a version; asking again while the first
    answer is on its way returns that.

    first_date, last_date  days on which the sessions began, in the owner's zone, both inclusive

    :raises TrialRefused: impossible days, or a draft that is not yet a tariff
    """
    version = TariffVersion.objects.select_related("tariff__owner").get(pk=tariff_version_id)
    if not _EARLIEST <= first_date <= last_date <= at.date() + timedelta(days=1):
        raise TrialRefused("The first day must not lie after the last, nor the last in the future.")
    terms = version.document()
    try:
        parse_tariff(terms)
    except TariffError as error:
        raise TrialRefused(f"The version is not complete: {error}.") from error
    question = {
        "tariff_version": version,
        "first_date": first_date,
        "last_date": last_date,
        "only_this_tariff": only_this_tariff,
        "terms_hash": sha256(canonical_bytes(terms)).hexdigest(),
    }
    try:
        with transaction.atomic():
            trial = TariffTrial.objects.create(
                **question,
                owner=version.tariff.owner,
                time_zone=version.tariff.owner.time_zone,
                terms=terms,
                engine_version=ENGINE_VERSION,
                status=TrialStatus.QUEUED,
                created_by=by,
                created_at=at,
                heartbeat_at=at,
            )
    except IntegrityError:
        return TariffTrial.objects.filter(**question).latest("pk")
    ring_on_commit("trial.waiting", id=trial.pk)
    return trial


def price_page(*, trial_id: int, at: datetime) -> bool:
    """Price a trial's next page of sessions and keep what came of it; return whether it has more to do.

    A trial that is over, was deleted, or that another worker moved on meanwhile, has nothing more for this one.
    """
    trial = TariffTrial.objects.select_related("tariff_version").filter(pk=trial_id).first()
    if trial is None or trial.status not in UNFINISHED:
        return False
    if trial.status == TrialStatus.QUEUED or trial.engine_version != ENGINE_VERSION:
        return _begin(trial, at=at)
    try:
        tried = Tried.of(trial.tariff_terms())
    except TariffError as error:
        return _fail(trial, error=f"The terms can no longer be read: {error}.", at=at)
    tally, rate_of = trial.tally(), rates_of(trial.owner_id)
    page = 0
    for record in next_records(trial, limit=PAGE):
        add_to(tally, record, tried=tried, rate_of=rate_of)
        page += 1
    failpoints.hit("trial.page_priced")
    place = {"last_started_at": record.started_at, "last_session_id": record.session_id} if page else {}
    done = trial.sessions_done + page
    sums = {"results": tally.as_document(), "sessions_done": done, **place}
    if page < PAGE:
        _move(trial, TrialStatus.DONE, at=at, sessions_total=done, ended_at=at, **sums)
        return False
    # A session of the period may have been priced after they were counted.
    return _move(trial, TrialStatus.RUNNING, at=at, sessions_total=max(trial.sessions_total, done), **sums)


def sweep_trials(*, at: datetime) -> int:
    """Wake the trials that nobody works on any more; return how many were woken.

    One that was taken up several times without a page kept is given up: whatever stops its worker would do so for ever.
    """
    stalled = unfinished_since(at - SILENCE).values_list("pk", flat=True)
    return sum(_take_up(trial_id, at=at) for trial_id in list(stalled))


@transaction.atomic
def _take_up(trial_id: int, *, at: datetime) -> bool:
    trial = unfinished_since(at - SILENCE).select_for_update().filter(pk=trial_id).first()
    if trial is None:
        return False
    if trial.taken_up >= MOST_TAKEN_UP:
        after = f"after {trial.sessions_done} sessions"
        return _fail(trial, error=f"It stopped {MOST_TAKEN_UP} times {after}; the workers' log says why.", at=at)
    trial.taken_up, trial.heartbeat_at = trial.taken_up + 1, at
    trial.save(update_fields=["taken_up", "heartbeat_at"])
    ring_on_commit("trial.waiting", id=trial.pk)
    return True


def _begin(trial: TariffTrial, *, at: datetime) -> bool:
    """Count what there is to do, with nothing done yet; also when a new engine makes the sums so far another's."""
    return _move(
        trial,
        TrialStatus.RUNNING,
        at=at,
        engine_version=ENGINE_VERSION,
        sessions_total=records_of(trial).count(),
        sessions_done=0,
        last_started_at=None,
        last_session_id=None,
        results={},
    )


def _fail(trial: TariffTrial, *, error: str, at: datetime) -> Literal[False]:
    log.error("trial %s failed: %s", trial.pk, error)
    _move(trial, TrialStatus.FAILED, at=at, error=error[:300], ended_at=at)
    return False


def _move(trial: TariffTrial, to: TrialStatus, *, at: datetime, **columns: Any) -> bool:
    """Write a trial's next state if it still is where ``trial`` was read; return whether it was."""
    status = TrialStatus(trial.status)
    here = TariffTrial.objects.filter(
        pk=trial.pk, status=status, sessions_done=trial.sessions_done, engine_version=trial.engine_version
    )
    moved = here.update(status=to if to == status else advance(status, to), heartbeat_at=at, taken_up=0, **columns)
    failpoints.hit("trial.moved")
    return bool(moved)
