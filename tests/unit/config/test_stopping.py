"""The foreground commands end at a signal, however they were started."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
FOREGROUND = """
import time
from config.management.commands.run import stop_on_signals
stop_on_signals()
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("stopped")
"""


class TestTheForeground:
    @pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
    def test_stops_at_a_signal_even_as_a_background_job(self, signum):
        process = subprocess.Popen(
            [sys.executable, "-c", FOREGROUND],
            cwd=PROJECT,
            env={"DJANGO_SETTINGS_MODULE": "config.settings.base"},
            stdout=subprocess.PIPE,
            text=True,
            # What a shell without job control does to `command &`.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        process.send_signal(signum)
        rest, _ = process.communicate(timeout=10)

        assert rest == "stopped\n"
