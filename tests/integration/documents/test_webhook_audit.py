"""I11 of webhooks: what is due and not tried for a quarter of an hour is named, what rests or waits its turn is not."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.core.audit import find_violations
from apps.documents.webhooks.announcing import announce
from tests.integration.documents.test_webhooks import DOWN, fact, only, send

MINUTE = timedelta(minutes=1)


def named() -> list[str]:
    return [each.subject for each in find_violations() if each.invariant == "I11"]


class TestWebhooksThatStayDue:
    @pytest.fixture
    def now(self):
        """The database's own clock, by which the view judges."""
        return timezone.now()

    def test_are_named_after_a_quarter_of_an_hour_without_a_try(self, endpoint, now):
        announce(fact(endpoint, at=now - 14 * MINUTE))
        assert named() == []

        announce(fact(endpoint, key="2", at=now - 16 * MINUTE))
        assert named() == [f"webhook delivery {endpoint.deliveries.latest('pk').pk}"]

    def test_are_not_named_while_their_endpoint_rests_after_a_failure_or_works_off_others(
        self, endpoint, receiver, now
    ):
        receiver.answers = [DOWN]
        announce(fact(endpoint, at=now - 60 * MINUTE))
        announce(fact(endpoint, key="2", at=now - 60 * MINUTE))
        send(endpoint, at=now - 14 * MINUTE)

        assert named() == []

    def test_are_not_named_once_their_endpoint_is_switched_off(self, endpoint, now):
        announce(fact(endpoint, at=now - 60 * MINUTE))
        assert named() == [f"webhook delivery {only().pk}"]

        endpoint.switched_off_at, endpoint.switched_off_why = now, "Gone."
        endpoint.save()
        assert named() == []
