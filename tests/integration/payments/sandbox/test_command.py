import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from apps.payments.sandbox import complete_checkout
from tests.integration.payments.sandbox.conftest import GOOD, client_of, setup_session

PROJECT = Path(__file__).resolve().parents[4]


def start(*options: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "stripe_sandbox", *options],
        cwd=PROJECT,
        env={**os.environ, "STRIPE_SECRET_KEY": "", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class TestStripeSandboxCommand:
    @pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
    def test_says_its_url_serves_and_stops_cleanly(self, end):
        with start("--port", "0") as process:
            line = process.stdout.readline()
            url = line.rpartition(" ")[2].strip()
            with client_of(url) as client:
                customer = client.v1.customers.create({})
                session = client.v1.checkout.sessions.create(setup_session(customer.id))
                complete_checkout(session.url, GOOD)
            with urlopen(f"{url}/_control/rejected") as answer:
                rejected = json.load(answer)
            process.send_signal(end)
            rest, errors = process.communicate(timeout=10)

        assert line.startswith("Stripe sandbox ready at http://127.0.0.1:")
        assert (rejected, process.returncode, rest, errors) == ([], 0, "", "")

    def test_refuses_to_start_with_a_live_key(self):
        with start("--port", "0", STRIPE_SECRET_KEY="sk_live_secret") as process:
            said, errors = process.communicate(timeout=30)

        assert (process.returncode, said) == (1, "")
        assert "refuses to start with a live key" in errors
        assert "sk_live_secret" not in errors

    def test_says_so_when_the_port_is_taken(self, sandbox):
        with start("--port", sandbox.url.rpartition(":")[2]) as process:
            _, errors = process.communicate(timeout=30)

        assert process.returncode == 1
        assert "Address already in use" in errors
