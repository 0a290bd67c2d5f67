"""One migrated database that the suite's databases are copied from: to migrate takes a while, to copy a second.

It is made once for each state of the migrations and of what is installed, and kept beside the others. All of it is
made by the migrations as they are, so that a refusal which is tested is one that a real house has.
"""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.state import ProjectState
from psycopg import sql

PREFIX = "template_wattledger_"


def migrated_template(connection: BaseDatabaseWrapper) -> str:
    """Return the name of the template, made now where there is none yet of this state; one process at a time."""
    name = PREFIX + _state()
    with _alone():
        if name not in _templates(connection):
            for stale in _templates(connection):
                _execute(connection, "DROP DATABASE {}", stale)
            _make(connection, name)
    return name


def _state() -> str:
    """Return what tells one state of the migrations from another: their text, and that of what is installed."""
    digest = hashlib.sha256()
    for path in sorted(settings.BASE_DIR.glob("apps/*/migrations/*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    digest.update((settings.BASE_DIR / "requirements.txt").read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def _alone() -> Iterator[None]:
    """Keep the other workers of this checkout out."""
    with (settings.BASE_DIR / "manage.py").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _templates(connection: BaseDatabaseWrapper) -> list[str]:
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{PREFIX}%"])
        return [name for (name,) in cursor.fetchall()]


def _make(connection: BaseDatabaseWrapper, name: str) -> None:
    """Migrate a database under another name first, so that one half made is never copied."""
    usual, of_tests = connection.settings_dict["NAME"], connection.settings_dict["TEST"]
    making = f"making_{name}"
    connection.settings_dict["TEST"] = {**of_tests, "NAME": making}
    try:
        with _only_what_changes_is_drawn_anew():
            connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        connection.close()
    finally:
        connection.settings_dict["TEST"] = of_tests
        connection.settings_dict["NAME"] = settings.DATABASES[connection.alias]["NAME"] = usual
    _execute(connection, "ALTER DATABASE {} RENAME TO {}", making, name)


@contextmanager
def _only_what_changes_is_drawn_anew() -> Iterator[None]:
    """Let a migration's step make the class of its own model anew, and not that of every model related to it.

    All models are related here, so that classes took 93 % of two minutes. Statements name tables and columns, which
    a class of before names as well; ``docs/testing.md`` says how the schemas of both ways are compared.
    """

    def itself(state: ProjectState, app_label: str, model_name: str, delay: bool = False) -> set[tuple[str, str]]:
        return {(app_label, model_name)}

    with mock.patch.object(ProjectState, "_find_reload_model", itself):
        yield


def _execute(connection: BaseDatabaseWrapper, statement: str, *names: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))
