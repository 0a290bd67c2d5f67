"""The command for Stripe's test mode, told to the double: Stripe itself was never asked by a test."""

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from config.demo.cashier import at_the_double, by_hand
from config.management.commands.stripe_stories import Command
from config.processes import free_port
from tests.integration.payments.conftest import sandbox

__all__ = ["sandbox"]
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
        timeout=120,
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


class TestTheStories:
    @pytest.mark.django_db(transaction=True)
    def test_are_told_whole_and_every_payment_stands_as_at_stripe(self, sandbox, settings, monkeypatch, tmp_path):
        monkeypatch.setenv("STRIPE_API_BASE", sandbox.url)
        monkeypatch.setenv("STRIPE_SECRET_KEY", settings.STRIPE_SECRET_KEY)
        said = StringIO()

        problems = Command(stdout=said).tell(at_the_double, port=free_port(24_000), root=tmp_path)

        assert problems == []
        assert [each["status"] for each in sandbox.control.objects("charge")] == ["succeeded"] * 2
        assert said.getvalue().count("succeeded, received") == 2


class TestTheCashier:
    def test_by_hand_names_the_page_and_the_card_and_waits(self):
        said: list[str] = []

        by_hand(said.append, wait=said.append)("https://checkout.stripe.com/c/pay/1", "4242424242424242")

        assert said[0] == "open https://checkout.stripe.com/c/pay/1"
        assert "4242424242424242" in said[1]
        assert "press Enter" in said[2]
