"""A short run of the fuzz that coverage guides; ``python -m tests.fuzz.frames`` is the long one."""

import subprocess
import sys

from tests.plugins.embedded import PROJECT


class TestTheFrameDecoder:
    def test_breaks_no_law_in_twenty_thousand_frames(self):
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.frames", "-runs=20000", "-seed=1", "-max_len=2048"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=120,
        )

        assert done.returncode == 0, done.stderr[-2000:]
        assert "Done 20000 runs" in done.stderr
