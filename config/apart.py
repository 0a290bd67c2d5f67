"""A database of its own for what must not mix with anybody's books: made from the migrations, dropped at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from django.db import connection, connections


@contextmanager
def own_database(name: str) -> Iterator[None]:
    """Create a database on the server of the settings, connect this process to it, and drop it however it ends."""
    usual = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = name
    try:
        # One left behind by a run that was killed is replaced.
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        yield
    finally:
        connections.close_all()
        if connection.settings_dict["NAME"] != usual:
            connection.creation.destroy_test_db(usual, verbosity=0)


def database_url() -> str:
    """Return what a child process needs to join this one's database."""
    config = connection.settings_dict
    login = quote(config["USER"]) + (f":{quote(config['PASSWORD'])}" if config["PASSWORD"] else "")
    place = quote(config["HOST"], safe="") + (f":{config['PORT']}" if config["PORT"] else "")
    return f"postgres://{login}@{place}/{config['NAME']}"
