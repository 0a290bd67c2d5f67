"""What every test shares: nothing of a test stays behind in the database, nothing of a run on the shared Valkey."""

import pytest
from django.db import connection
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.emptying import empty_database
from tests.own_keys import forget_own_keys
from tests.template import migrated_template

# A busy machine is no counterexample: no law is timed.
hypothesis_settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("untimed")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix, django_test_environment, django_db_blocker
):
    """Let pytest-django copy this process's database from a migrated one instead of migrating it."""
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"]["TEMPLATE"] = migrated_template(connection)


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
