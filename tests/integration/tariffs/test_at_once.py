"""Two editors and two publishers at once: shown to go wrong without the lock, then not to with it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connections

from apps.tariffs import services
from apps.tariffs.models import TariffVersion
from apps.tariffs.services import drafts, publishing
from tests.factories import FLAT_PRICE_ELEMENTS, NOON, make_draft, make_tariff_version, make_user

pytestmark = pytest.mark.django_db(transaction=True)
NEW_YEAR = datetime(2031, 1, 1, tzinfo=UTC)
EASTER = datetime(2031, 4, 13, tzinfo=UTC)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run each call in a thread of its own; return results or exceptions, in order."""

    def run(call):
        try:
            return call()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def meet_in(monkeypatch, module, name: str, *, timeout_s: int = 1) -> None:
    """Let two callers of a function, which looks under the lock, meet before either writes, or wait that long."""
    barrier = threading.Barrier(2, timeout=timeout_s)
    do = getattr(module, name)

    def do_and_wait(*args, **kwargs):
        found = do(*args, **kwargs)
        # With the lock on the other one waits for us, so that we wait for it in vain, as it should be.
        with suppress(threading.BrokenBarrierError):
            barrier.wait()
        return found

    monkeypatch.setattr(module, name, do_and_wait)


def take_no_locks(monkeypatch) -> None:
    monkeypatch.setattr(TariffVersion.objects.__class__, "select_for_update", lambda self, **_: self.all())
    monkeypatch.setattr(publishing.Tariff.objects.__class__, "select_for_update", lambda self, **_: self.all())


class TestTwoEditorsOfADraft:
    def save(self, draft):
        wanted = ((make_user(name="Anna"), "0.31"), (make_user(name="Bert"), "0.32"))
        calls = [
            lambda by=by, price=price: services.save_draft(
                version_id=draft.pk,
                expected_edit_no=1,
                document={
                    "currency": "EUR",
                    "tax_included": "NO",
                    "elements": [{"price_components": [{"type": "ENERGY", "price": price}]}],
                },
                texts={},
                by=by,
                at=NOON,
            )
            for by, price in wanted
        ]
        return at_once(*calls)

    def test_lose_an_edit_without_the_lock(self, monkeypatch):
        draft = make_draft()
        meet_in(monkeypatch, drafts, "parse_tariff")
        take_no_locks(monkeypatch)

        saved = self.save(draft)

        assert [type(each) for each in saved] == [TariffVersion, TariffVersion]
        assert TariffVersion.objects.get().edit_no == 2

    def test_see_a_conflict_with_the_lock(self, monkeypatch):
        draft = make_draft()
        meet_in(monkeypatch, drafts, "parse_tariff")

        saved = self.save(draft)

        kept = next(each for each in saved if isinstance(each, TariffVersion))
        told = next(each for each in saved if isinstance(each, services.EditConflict))
        stored = TariffVersion.objects.get()
        assert (stored.edit_no, stored.elements, stored.edited_by) == (2, kept.elements, kept.edited_by)
        assert told.version.edited_by == kept.edited_by


class TestTwoPublishers:
    def publish(self, *wanted):
        by = make_user()
        calls = [
            lambda draft=draft, at=valid_from: services.publish_version(
                version_id=draft.pk, expected_edit_no=1, valid_from=at, by=by, at=NOON, accept_warnings=True
            )
            for draft, valid_from in wanted
        ]
        return at_once(*calls)

    def test_of_two_drafts_for_one_moment_collide_in_the_constraint_without_the_lock(self, monkeypatch):
        first = make_draft()
        second = make_draft(tariff=first.tariff)
        # Without the lock they are sure to meet, however late a busy machine begins the second.
        meet_in(monkeypatch, publishing, "_make_room", timeout_s=60)
        take_no_locks(monkeypatch)

        results = self.publish((first, NEW_YEAR), (second, NEW_YEAR))

        # Two that wait for each other's row are a deadlock to PostgreSQL: either way one is refused.
        assert sum(isinstance(each, (IntegrityError, OperationalError)) for each in results) == 1, results
        assert TariffVersion.objects.published().count() == 1

    def test_of_two_drafts_for_one_moment_publish_one_and_tell_the_other(self, monkeypatch):
        first = make_draft()
        second = make_draft(tariff=first.tariff)
        meet_in(monkeypatch, publishing, "_make_room")

        results = self.publish((first, NEW_YEAR), (second, NEW_YEAR))

        refused = next(each for each in results if isinstance(each, services.PublishRefused))
        assert str(refused).startswith("Another version begins at that moment.")
        assert TariffVersion.objects.published().count() == TariffVersion.objects.drafts().count() == 1

    def test_of_two_drafts_for_two_moments_leave_no_gap_and_no_overlap(self, monkeypatch):
        current = make_tariff_version(used_at=NOON)
        first = make_draft(tariff=current.tariff)
        second = make_draft(tariff=current.tariff, elements=FLAT_PRICE_ELEMENTS)
        meet_in(monkeypatch, publishing, "_make_room")

        self.publish((second, EASTER), (first, NEW_YEAR))

        spans = TariffVersion.objects.published().order_by("valid_from").values_list("pk", "valid_from", "valid_to")
        assert list(spans) == [
            (current.pk, current.valid_from, NEW_YEAR),
            (first.pk, NEW_YEAR, EASTER),
            (second.pk, EASTER, None),
        ]

    def test_of_one_draft_publish_it_once(self):
        draft = make_draft()

        results = self.publish(*[(draft, NEW_YEAR)] * 3)

        assert sorted(type(each).__name__ for each in results) == ["NotADraft", "NotADraft", "TariffVersion"]
        assert TariffVersion.objects.published().count() == 1
