"""A trial whose worker is killed, delivered twice, run by two at once, or stuck: no session is counted twice."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from threading import Barrier, BrokenBarrierError

import pytest
from django.db import connection

from apps.analytics import tasks
from apps.analytics.models import TariffTrial
from apps.analytics.services import trials as services
from apps.core import bells
from config.bells import BELLS, SWEEPERS
from config.celery import app
from tests.factories import make_site
from tests.integration.analytics.world import (
    ASKED_AT,
    OCTOBER_MORNING,
    ask,
    before_and_after,
    finish,
    make_draft,
    make_record,
)
from tests.refusals import refused_by

SESSIONS = 7
# 1 to 7 kWh: 14.00 net at 0.50 and 2.68 tax, rounded one by one; 16.80 at 0.60 and 3.19
WHOLE = (SESSIONS, Decimal("16.68"), Decimal("19.99"))
PRICE_ONE_TRIAL = """
import django, sys
django.setup()
from apps.analytics import tasks
from apps.analytics.services import trials as services
services.PAGE = 2
tasks.price_trial(id=int(sys.argv[1]))
"""


@pytest.fixture
def trial(monkeypatch) -> TariffTrial:
    """A trial of several pages that nobody has begun."""
    monkeypatch.setattr(services, "PAGE", 2)
    site = make_site()
    for number in range(SESSIONS):
        make_record(site, kwh=1 + number, started_at=OCTOBER_MORNING + timedelta(hours=number // 2))
    return ask(make_draft(site))


def price_page(trial: TariffTrial) -> bool:
    return services.price_page(trial_id=trial.pk, at=ASKED_AT)


@pytest.mark.django_db(transaction=True)
class TestAKilledWorker:
    def work(self, trial: TariffTrial, failpoint: str = "") -> int:
        """Run the task in a process of its own on the test's database; return its exit code."""
        settings = connection.settings_dict
        url = f"postgres://{settings['USER']}:{settings['PASSWORD']}@{settings['HOST'].replace('/', '%2F')}"
        if settings["PORT"]:
            url += f":{settings['PORT']}"
        return subprocess.run(
            [sys.executable, "-c", PRICE_ONE_TRIAL, str(trial.pk)],
            env={**os.environ, "DATABASE_URL": f"{url}/{settings['NAME']}", "FAILPOINT": failpoint},
            capture_output=True,
            check=False,
        ).returncode

    @pytest.mark.parametrize("failpoint", ["trial.page_priced", "trial.moved"])
    def test_loses_no_session_and_counts_none_twice(self, transactional_db, trial, failpoint):
        price_page(trial)
        price_page(trial)

        killed = self.work(trial, failpoint)
        place = TariffTrial.objects.get()
        resumed = self.work(trial)

        assert (killed, resumed) == (-signal.SIGKILL, 0)
        assert (place.status, place.sessions_done) == ("running", 4 if failpoint == "trial.moved" else 2)
        trial.refresh_from_db()
        assert before_and_after(trial.tally()) == WHOLE
        assert (trial.status, trial.sessions_done, trial.sessions_total) == ("done", SESSIONS, SESSIONS)


@pytest.mark.django_db
class TestATaskDeliveredTwice:
    def test_finds_the_trial_over(self, trial):
        tasks.price_trial(id=trial.pk)
        after_one = TariffTrial.objects.values().get()

        tasks.price_trial(id=trial.pk)

        assert TariffTrial.objects.values().get() == after_one
        assert before_and_after(TariffTrial.objects.get().tally()) == WHOLE

    def test_finds_the_trial_deleted(self, trial):
        pk = trial.pk
        trial.delete()

        tasks.price_trial(id=pk)

        assert not TariffTrial.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestTwoWorkersAtOnce:
    def test_keep_each_page_once(self, transactional_db, trial, monkeypatch, at_once):
        price_page(trial)
        both = Barrier(2, timeout=1)
        move = services._move

        def meet_then_move(*args, **kwargs):
            # Both have priced the same page before either keeps it; the loser then stops, and is waited for in vain.
            with suppress(BrokenBarrierError):
                both.wait()
            return move(*args, **kwargs)

        monkeypatch.setattr(services, "_move", meet_then_move)

        went_on = at_once(lambda: price_page(trial), lambda: price_page(trial))

        assert sorted(went_on) == [False, True]
        assert TariffTrial.objects.get().sessions_done == 2
        assert before_and_after(finish(trial)) == WHOLE


@pytest.mark.django_db
class TestASilentTrial:
    LATER = ASKED_AT + services.SILENCE + timedelta(seconds=1)

    @pytest.fixture
    def rung(self, monkeypatch, django_capture_on_commit_callbacks) -> list[int]:
        heard: list[int] = []
        monkeypatch.setattr(services, "ring_on_commit", lambda bell, **ids: heard.append(ids["id"]))
        return heard

    def test_is_woken_once_it_was_silent_for_a_minute(self, trial, rung):
        early = services.sweep_trials(at=ASKED_AT + services.SILENCE)
        woken = services.sweep_trials(at=self.LATER)
        at_once_again = services.sweep_trials(at=self.LATER)

        assert (early, woken, at_once_again) == (0, 1, 0)
        assert rung == [trial.pk]

    def test_is_left_alone_while_it_gets_on_and_when_it_is_over(self, trial, rung):
        services.price_page(trial_id=trial.pk, at=self.LATER)
        while_running = services.sweep_trials(at=self.LATER)
        finish(trial)

        assert (while_running, services.sweep_trials(at=self.LATER + timedelta(days=1))) == (0, 0)

    def test_is_given_up_when_it_was_woken_in_vain_too_often(self, trial, rung):
        price_page(trial)
        at = ASKED_AT
        for _ in range(services.MOST_TAKEN_UP + 1):
            at += timedelta(minutes=2)
            services.sweep_trials(at=at)

        trial.refresh_from_db()
        assert (trial.status, trial.ended_at) == ("failed", at)
        assert trial.error == "It stopped 5 times after 0 sessions; the workers' log says why."
        assert len(rung) == services.MOST_TAKEN_UP
        assert price_page(trial) is False

    def test_starts_anew_under_a_new_engine(self, trial, rung):
        price_page(trial)
        price_page(trial)
        TariffTrial.objects.update(engine_version="0")

        price_page(trial)

        trial.refresh_from_db()
        assert (trial.sessions_done, trial.results, trial.last_session_id) == (0, {}, None)
        assert before_and_after(finish(trial)) == WHOLE


class TestTheBell:
    def test_and_the_sweeper_wake_tasks_that_exist(self):
        app.loader.import_default_modules()

        ours = {name for name in app.tasks if name.startswith("analytics.")}

        woken = {name for names in BELLS.values() for name in names} | SWEEPERS.keys()
        assert ours == {name for name in woken if name.startswith("analytics.")}
        assert "analytics.sweep_trials" in SWEEPERS

    @pytest.mark.django_db
    def test_rings_when_a_trial_is_asked_for_and_once_for_two_askings(
        self, monkeypatch, django_capture_on_commit_callbacks
    ):
        rung = []
        monkeypatch.setattr(bells, "_send", lambda bell, woken, ids: rung.append((bell, ids)))
        draft = make_draft(make_site())

        with django_capture_on_commit_callbacks(execute=True):
            trial = ask(draft)
            ask(draft)

        assert rung == [("trial.waiting", {"id": trial.pk})]

    @pytest.mark.django_db
    def test_rings_again_after_so_many_pages_so_that_others_get_their_turn(self, trial, monkeypatch):
        rung = []
        monkeypatch.setattr(tasks, "ring_on_commit", lambda bell, **ids: rung.append((bell, ids["id"])))
        monkeypatch.setattr(tasks, "PAGES_AT_ONCE", 2)

        tasks.price_trial(id=trial.pk)

        trial.refresh_from_db()
        assert trial.sessions_done == 2
        assert rung == [("trial.waiting", trial.pk)]


@pytest.mark.django_db
class TestTheDatabase:
    def test_refuses_a_trial_that_did_more_than_there_was(self, trial):
        with refused_by("trial_does_no_more_than_its_sessions", TariffTrial):
            TariffTrial.objects.update(sessions_done=1, last_session_id=1, last_started_at=ASKED_AT)

    def test_refuses_progress_without_a_place(self, trial):
        with refused_by("trial_knows_its_place", TariffTrial):
            TariffTrial.objects.update(sessions_total=9, sessions_done=1)

    @pytest.mark.parametrize(
        "columns",
        [{"status": "failed", "ended_at": ASKED_AT}, {"status": "done"}, {"error": "odd"}, {"status": "lost"}],
    )
    def test_refuses_an_end_without_its_reason_and_time(self, trial, columns):
        with refused_by("trial_ends_when_done_or_failed_and_says_why", TariffTrial):
            TariffTrial.objects.update(**columns)

    def test_refuses_a_second_unfinished_trial_of_the_same_question(self, trial):
        with refused_by("trial_one_unfinished_of_a_kind", TariffTrial):
            trial.pk = None
            trial.save(force_insert=True)

    def test_refuses_days_the_wrong_way_round(self, trial):
        with refused_by("trial_ends_after_it_starts", TariffTrial):
            TariffTrial.objects.update(last_date="2026-09-30")
