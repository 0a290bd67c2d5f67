"""What every test shares: nothing of a test stays behind in the database, nothing of a run on the shared Valkey."""

import pytest
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.emptying import empty_database
from tests.own_keys import forget_own_keys

# A busy machine is no counterexample: no law is timed.
hypothesis_settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def _tests_that_commit_are_cleaned_up_quickly():
    with pytest.MonkeyPatch.context() as patch:
        # What pytest-django ends a test with that commits.
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: empty_database())
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_keys_are_removed():
    yield
    forget_own_keys()
