"""The command for Stripe's test mode, told to the double: Stripe itself was never asked by a test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from apps.payments.sandbox import Sandbox

ROOT = Path(__file__).parents[2]


def tell(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as ``make stripe-stories`` does."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("STRIPE_", "DATABASE_URL"))}
    return subprocess.run(
        [sys.executable, "manage.py", "stripe_stories", *args],
        cwd=ROOT,
        env=keep | {"DJANGO_SETTINGS_MODULE": "config.settings.stories"} | environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


class TestTheCommand:
    @pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1"])
    def test_refuses_a_live_key(self, key):
        done = tell(STRIPE_SECRET_KEY=key)

        assert (done.returncode, done.stdout) == (1, "")
        assert "live key: stories are told with test money only" in done.stderr

    def test_without_a_key_says_where_one_is_to_be_had(self):
        assert "dashboard.stripe.com/test/apikeys" in tell().stderr

    def test_that_is_not_kept_apart_says_how(self):
        done = tell(STRIPE_SECRET_KEY="sk_test_x", DJANGO_SETTINGS_MODULE="config.settings.development")

        assert "make stripe-stories" in done.stderr

    def test_tells_both_stories_in_a_database_of_its_own(self):
        with Sandbox() as sandbox:
            done = tell(STRIPE_SECRET_KEY="sk_test_of_a_story", STRIPE_API_BASE=sandbox.url)
            charges = sandbox.control.objects("charge")
            rejected = sandbox.control.rejected()

        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.endswith(f"told against {sandbox.url}: every payment stands there as here\n")
        assert [each["status"] for each in charges] == ["succeeded"] * 2
        assert rejected == []
