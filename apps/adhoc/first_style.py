"""What the price page looks like before any style sheet has come: carried by the page itself, allowed by its hash.

A phone on a slow network waits for one answer so, not for four. The style sheets follow at the page's end and change
nothing that is seen (``tests/integration/adhoc/test_first_paint.py`` compares); they are there for the next pages.
"""

from base64 import b64encode
from hashlib import sha256
from typing import Final

from django.conf import settings
from django.utils.safestring import SafeString, mark_safe

FIRST_STYLE: Final[SafeString] = mark_safe(  # noqa: S308  (a file of ours)
    (settings.BASE_DIR / "templates" / "adhoc" / "first.css").read_text()
)
FIRST_STYLE_SOURCE: Final = f"'sha256-{b64encode(sha256(FIRST_STYLE.encode()).digest()).decode()}'"
"""How a content security policy names it (CSP Level 3 §2.3.1, hash-source)."""
