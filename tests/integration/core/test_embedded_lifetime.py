"""The embedded services start with their first user, survive what may happen to it, and end with the last."""

import os
import pwd
import shutil
import signal

from tests.integration.core.embedded_user import (
    is_alive,
    living_supervisor,
    postmaster_pid,
    wait_until,
    wait_until_stopped,
)


class TestFirstStart:
    def test_by_two_processes_at_once_gives_both_the_same_servers(self, fresh_var, embedded_user):
        first = embedded_user(fresh_var, valkey=True)
        second = embedded_user(fresh_var, valkey=True)

        answers = first.answer, second.answer

        assert answers[0] == answers[1]
        assert first.execute("SHOW server_encoding") == [("UTF8",)]
        assert first.execute("SHOW max_connections") == [("200",)]
        assert first.execute("SHOW listen_addresses") == [("",)]
        assert first.execute("SHOW fsync") == [("on",)]
        locale = "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'wattledger'"
        assert first.execute(locale) == [("b", "C.UTF-8")]
        with second.valkey() as valkey:
            assert valkey.ping() is True
        starts = (fresh_var / "embedded/supervisor.log").read_text().splitlines()
        assert starts == ["Starting postgres.", "Starting valkey."]

    def test_runs_postgresql_as_nobody_for_root_and_as_oneself_otherwise(self, fresh_var, embedded_user):
        embedded_user(fresh_var).database_url  # noqa: B018

        owner = os.stat(f"/proc/{postmaster_pid(fresh_var)}").st_uid

        expected = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
        assert owner == expected

    def test_publishes_addresses_to_its_own_user_only(self, fresh_var, embedded_user):
        embedded_user(fresh_var, postgres=False, valkey=True).answer  # noqa: B018

        modes = {
            name: (fresh_var / "embedded" / name).stat().st_mode & 0o777 for name in ("valkey.json", "valkey.access")
        }

        assert modes == {"valkey.json": 0o600, "valkey.access": 0o600}


class TestLaterStart:
    def test_adds_a_service_that_the_first_did_not_ask_for(self, var, embedded_user):
        first = embedded_user(var, postgres=False, valkey=True)
        assert first.answer["database_url"] is None
        supervisor = living_supervisor(var)

        second = embedded_user(var, postgres=True, valkey=True)

        assert second.execute("SELECT 1") == [(1,)]
        assert second.answer["redis_url"] == first.answer["redis_url"]
        assert living_supervisor(var) == supervisor

    def test_finds_what_was_stored_before(self, var, embedded_user):
        first = embedded_user(var, valkey=True)
        first.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        with first.valkey() as valkey:
            valkey.set("kept", "42")
        first.leave()
        wait_until_stopped(var)

        second = embedded_user(var, valkey=True)

        assert second.execute("SELECT answer FROM kept") == [(42,)]
        with second.valkey() as valkey:
            assert valkey.get("kept") == b"42"


class TestSupervisor:
    def test_outlives_its_killed_launcher_while_another_user_lives_and_ends_after_the_last(self, var, embedded_user):
        launcher = embedded_user(var, valkey=True)
        launcher.answer  # noqa: B018
        other = embedded_user(var, valkey=True)
        other.answer  # noqa: B018
        postmaster = postmaster_pid(var)

        launcher.kill()

        assert other.execute("SELECT 1") == [(1,)]
        other.leave()
        wait_until_stopped(var)
        assert not is_alive(postmaster)
        assert not list(var.glob("embedded/*.json"))

    def test_waits_for_the_grace_period_after_the_last_user(self, var, embedded_user):
        first = embedded_user(var, grace_seconds=30)
        first.database_url  # noqa: B018
        supervisor = living_supervisor(var)
        first.leave()

        second = embedded_user(var, grace_seconds=30)

        assert second.execute("SELECT 1") == [(1,)]
        assert living_supervisor(var) == supervisor

    def test_is_out_of_reach_of_the_launchers_terminal(self, var, embedded_user):
        launcher = embedded_user(var)
        launcher.database_url  # noqa: B018
        supervisor = living_supervisor(var)
        other = embedded_user(var)
        other.database_url  # noqa: B018

        os.killpg(launcher.process.pid, signal.SIGINT)
        launcher.process.wait(timeout=30)

        assert os.getsid(supervisor) != launcher.process.pid
        assert living_supervisor(var) == supervisor
        assert other.execute("SELECT 1") == [(1,)]

    def test_stays_while_a_forked_child_of_a_user_lives(self, var, embedded_user):
        parent = embedded_user(var, fork=True, grace_seconds=0)
        parent.answer  # noqa: B018
        parent.process.wait(timeout=30)

        late = embedded_user(var, grace_seconds=0)

        assert late.answer == parent.answer
        starts = (var / "embedded/supervisor.log").read_text().splitlines()
        assert starts == ["Starting postgres."]

    def test_is_replaced_by_the_next_command_when_killed(self, var, embedded_user):
        survivor = embedded_user(var, valkey=True)
        survivor.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        killed = living_supervisor(var)
        postmaster = postmaster_pid(var)

        os.kill(killed, signal.SIGKILL)
        following = embedded_user(var)

        assert following.execute("SELECT answer FROM kept") == [(42,)]
        assert living_supervisor(var) != killed
        assert not is_alive(postmaster)
        # Whoever lived on finds both services again, at the addresses it knows.
        assert survivor.execute("SELECT answer FROM kept") == [(42,)]
        wait_until((var / "embedded/valkey.json").exists)
        with survivor.valkey() as valkey:
            assert valkey.ping() is True

    def test_goes_when_its_directory_was_removed_and_leaves_the_successor_alone(self, var, embedded_user):
        old = embedded_user(var)
        old.database_url  # noqa: B018
        evicted = living_supervisor(var)
        shutil.rmtree(var)

        new = embedded_user(var)

        assert new.execute("SELECT 1") == [(1,)]
        assert new.database_url != old.database_url
        wait_until(lambda: not is_alive(evicted))
        assert new.execute("SELECT 1") == [(1,)]


class TestTwoCheckouts:
    def test_do_not_disturb_each_other(self, directory, embedded_user):
        here = embedded_user(directory / "here", valkey=True)
        there = embedded_user(directory / "there", valkey=True)
        assert here.database_url != there.database_url
        assert here.answer["redis_url"] != there.answer["redis_url"]
        here.execute("CREATE TABLE only_here ()")

        here.leave()
        wait_until_stopped(directory / "here")

        assert there.execute("SELECT to_regclass('only_here')") == [(None,)]
        with there.valkey() as valkey:
            assert valkey.ping() is True
