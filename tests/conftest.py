"""What every test shares: nothing of a test stays behind in the database, nothing of a run on the shared Valkey."""

import os

import pytest
from django.db import connection
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from apps.contracts.domain.electronic import InvoiceFormat
from apps.invoices import writers
from apps.invoices.domain.einvoice.terms import EInvoice
from tests.emptying import empty_database
from tests.order import places_of_files
from tests.own_keys import forget_own_keys
from tests.shared_rows import SHARED, is_committing, shared_by
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


def pytest_collection_modifyitems(items):
    """Let long files go first, and tests of a file follow each other that share the same rows.

    Rows that tests share are there before a test's own transaction.
    """
    files = places_of_files(items)
    places: dict[object, int] = {}
    for item in items:
        places.setdefault((item.path, is_committing(item)), len(places))
        if shared_by(item):
            item.fixturenames.insert(0, "_shared_rows")
    items.sort(key=lambda item: (files[item.path], places[item.path, is_committing(item)], sorted(shared_by(item))))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    SHARED.remove_other_than(shared_by(item))


@pytest.fixture
def _shared_rows(request, _no_shared_rows_stay, django_db_blocker):
    SHARED.have(shared_by(request.node), blocker=django_db_blocker)


@pytest.fixture(scope="session")
def _no_shared_rows_stay(django_db_setup):
    yield
    SHARED.remove()


@pytest.fixture(scope="session", autouse=True)
def _tests_that_commit_are_cleaned_up_quickly():
    with pytest.MonkeyPatch.context() as patch:
        # What pytest-django ends a test with that commits.
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: empty_database())
        yield


@pytest.fixture(scope="session", autouse=True)
def _every_electronic_invoice_is_valid():
    """Hold what any test has written in this process to the official schemas and rules, once, at the end.

    Together, for the rules take a second to load; what broke one is named with the test that wrote it.
    """
    written: dict[tuple[InvoiceFormat, bytes], str] = {}
    write = writers.write

    def write_and_keep(invoice: EInvoice, *, as_format: InvoiceFormat) -> bytes:
        xml = write(invoice, as_format=as_format)
        written.setdefault((as_format, xml), os.environ.get("PYTEST_CURRENT_TEST", "between two tests"))
        return xml

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writers, "write", write_and_keep)
        yield
    if written:
        from tests.official import broken

        assert broken(written) == []


@pytest.fixture(scope="session", autouse=True)
def _own_keys_are_removed():
    yield
    forget_own_keys()
