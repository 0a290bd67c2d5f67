"""One database for all tests of a module: what a module imports instead of pytest-django's fixture of this name."""

from collections.abc import Iterator

import pytest
from django.db import connection

from tests.emptying import empty_database


@pytest.fixture(scope="module")
def transactional_db(django_db_setup, django_db_blocker) -> Iterator[None]:
    """The test database, emptied when the module ends and not before."""
    with django_db_blocker.unblock():
        # Whatever pytest-django may have decided: never fill or empty a database that is no test's.
        assert connection.settings_dict["NAME"] == connection.settings_dict["TEST"]["NAME"]
        yield
        empty_database()
