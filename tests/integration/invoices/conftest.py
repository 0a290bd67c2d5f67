import pytest

from tests.factories import Site, make_site
from tests.integration.invoices.world import NIGHT_AND_DAY


@pytest.fixture
def site(db) -> Site:
    """An owner in Berlin with a net night-and-day tariff, and a fleet contract with one card."""
    return make_site(elements=NIGHT_AND_DAY)
