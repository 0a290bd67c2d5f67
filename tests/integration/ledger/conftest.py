import pytest

from apps.accounts.models import Organisation


def make_entity(name: str = "Solar Park GmbH") -> Organisation:
    return Organisation.objects.create(
        name=name,
        street="Sonnenallee 1",
        postcode="12047",
        city="Berlin",
        country="DE",
        time_zone="Europe/Berlin",
        currency="EUR",
        email="books@example.org",
        is_station_owner=True,
    )


@pytest.fixture
def entity(db) -> Organisation:
    return make_entity()


@pytest.fixture
def other_entity(db) -> Organisation:
    return make_entity("Wind Park GmbH")
