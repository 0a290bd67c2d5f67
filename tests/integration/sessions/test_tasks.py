from datetime import timedelta

import pytest
import time_machine

from apps.core import bells
from apps.sessions import services
from config.bells import BELLS, SWEEPERS
from config.celery import app
from tests.factories import NOON
from tests.integration.sessions.conftest import session_of

pytestmark = pytest.mark.django_db

END = NOON + timedelta(hours=1)


@pytest.fixture
def rung(monkeypatch) -> list[tuple[str, dict[str, int]]]:
    """The bells that were rung, instead of the broker hearing them."""
    heard: list[tuple[str, dict[str, int]]] = []
    monkeypatch.setattr(bells, "_send", lambda bell, tasks, ids: heard.append((bell, ids)))
    return heard


class TestBell:
    def test_is_rung_once_for_each_session_that_settles(self, wire, rung, django_capture_on_commit_callbacks):
        session = wire.finish(wire.begin().transaction_id)

        with django_capture_on_commit_callbacks(execute=True):
            services.settle_sessions(session_ids=[session.pk], at=END + timedelta(minutes=1))
            services.settle_sessions(session_ids=[session.pk], at=END + timedelta(minutes=2))

        assert rung == [("session.settled", {"id": session.pk})]

    def test_is_not_rung_for_a_session_in_review(self, wire, rung, django_capture_on_commit_callbacks):
        session = wire.finish(wire.begin(id_token="STRANGER").transaction_id)

        with django_capture_on_commit_callbacks(execute=True):
            services.settle_sessions(session_ids=[session.pk], at=END + timedelta(minutes=1))

        assert rung == []


class TestTasks:
    @pytest.fixture(autouse=True)
    def _found_as_a_worker_finds_them(self):
        app.loader.import_default_modules()

    def test_have_the_names_that_bells_and_sweepers_wake(self):
        ours = {name for name in app.tasks if name.startswith(("sessions.", "stations."))}
        woken = {*(name for names in BELLS.values() for name in names), *SWEEPERS}

        assert ours == {name for name in woken if name.startswith(("sessions.", "stations."))}

    def test_settle_and_rate_by_query_alone(self, wire):
        begun = wire.begin()
        wire.finish(begun.transaction_id)

        with time_machine.travel(END + timedelta(minutes=2), tick=False):
            app.tasks["sessions.sweep_unsettled"]()
            app.tasks["sessions.sweep_unrated"]()
            app.tasks["stations.sweep_commands"]()

        session = session_of(begun)
        assert session.settled_at == END + timedelta(minutes=2)
        assert session.cdrs.get().rated_at == END + timedelta(minutes=2)

    def test_rate_one_session_however_often_they_are_delivered(self, settled):
        for _ in range(2):
            app.tasks["sessions.rate_settled"](id=settled.pk, unknown="ignored")

        assert settled.cdrs.count() == 1
