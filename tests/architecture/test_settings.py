"""Production refuses to start on what would be unsafe, and says which setting it is."""

import os
import subprocess
import sys

import pytest

GOOD = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "k" * 25 + "0123456789" * 3,
    "STATION_KEY_SECRET": "s" * 50,
    "ALLOWED_HOSTS": "bill.example",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1",
    "PUBLIC_URL": "https://bill.example",
    "STRIPE_SECRET_KEY": "sk_test_x",
}


def start(then: str = "", **changes: str | None) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", f"import django; django.setup(); {then}"],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


class TestProduction:
    def test_starts_with_all_that_it_needs(self):
        assert start().returncode == 0, start().stderr

    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            ({"SECRET_KEY": None}, "SECRET_KEY"),
            ({"SECRET_KEY": "insecure-development-key-never-for-production-0123456789"}, "SECRET_KEY"),
            ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
            ({"DATABASE_URL": None}, "DATABASE_URL"),
            ({"REDIS_URL": None}, "REDIS_URL"),
            ({"DATABASE_URL": "sqlite:///db.sqlite3"}, "DATABASE_URL"),
            ({"STATION_KEY_SECRET": "short"}, "STATION_KEY_SECRET"),
            ({"STATION_KEY_SECRET": "insecure-development-key-never-for-production-0123456789"}, "STATION_KEY_SECRET"),
            ({"STRIPE_SECRET_KEY": "sk_live_x"}, "STRIPE_WEBHOOK_SECRETS"),
            (
                {"STRIPE_SECRET_KEY": "sk_live_x", "STRIPE_WEBHOOK_SECRETS": "whsec_wattledger"},
                "STRIPE_WEBHOOK_SECRETS",
            ),
            ({"PUBLIC_URL": "http://bill.example"}, "PUBLIC_URL"),
        ],
        ids=lambda value: str(value),
    )
    def test_refuses_to_start_and_names_the_setting(self, changes, named):
        refused = start(**changes)

        assert refused.returncode != 0
        assert named in refused.stderr.splitlines()[-1]


class TestDevelopment:
    @pytest.mark.parametrize(("key", "secrets"), [("sk_test_x", ["whsec_wattledger"]), ("sk_live_x", [])])
    def test_knows_the_doubles_webhook_secret_in_test_mode_only(self, key, secrets):
        told = start(
            "from django.conf import settings; print(settings.STRIPE_WEBHOOK_SECRETS)",
            DJANGO_SETTINGS_MODULE="config.settings.development",
            STRIPE_SECRET_KEY=key,
        )

        assert told.stdout.strip() == str(secrets)
