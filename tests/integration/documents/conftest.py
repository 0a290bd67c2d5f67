"""An owner with an endpoint, and a receiver behind it."""

from collections.abc import Iterator

import pytest

from apps.documents.domain.events import EventType
from apps.documents.models import WebhookEndpoint
from apps.documents.webhooks.endpoints import Opened, open_endpoint
from tests.factories import NOON, make_owner, make_user
from tests.integration.documents.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def opened(db, receiver) -> Opened:
    """An owner's endpoint that is told everything, with its secret."""
    return open_endpoint(
        organisation_id=make_owner().pk,
        side=WebhookEndpoint.Side.SELLER,
        url=receiver.url,
        event_types=[event.value for event in EventType],
        at=NOON,
        by=make_user(),
    )


@pytest.fixture
def endpoint(opened) -> WebhookEndpoint:
    return opened.endpoint
