"""Every page of the house opens for whom it is made, asks the database at most thirty times, and names no stranger."""

import re
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.integration.addresses import addresses
from tests.integration.tenants import CANARY, answer, ours, signed_in, theirs

__all__ = ["ours", "theirs"]

MOST_QUERIES = 30
# What the console shows of any model: nobody may be sent elsewhere.
ROWS = ("_changelist", "_change", "_history")
# What this tenant has not (a receipt, a printed letter, a second factor), or what asks for more than an address.
NOT_THERE = {
    "adhoc:company",
    "adhoc:document",
    "adhoc:invoice",
    "adhoc:receipt",
    "adhoc:signed-values",
    "adhoc:wrong",
    "admin:accounting_journalexport_download_debtors",
    "admin:payments_paymentattempt_refund",
    "admin:tariffs_tariffversion_compare",
    "console:payer",
    "console:wallet",
    "mfa_deactivate_totp",
    "mfa_download_recovery_codes",
    "mfa_view_recovery_codes",
    "portal:payment-method-return",
    "portal:reminder",
    "portal:wallet-receipt",
    "portal:wallet-statement",
}

RIGHT_ALIGNED = frozenset(re.findall(r"\.field-(\w+)", Path(settings.BASE_DIR, "static/css/console.css").read_text()))
"""The columns of the console's lists whose figures stand under each other."""
CELL = re.compile(r'<t[dh] class="field-(\w+)[^>]*>(.*?)</t[dh]>', re.DOTALL)
AMOUNT = re.compile(r"[-−]?€[\d.,]+|[\d.,]+ kWh")


def figures_in(page: str) -> set[str]:
    """Return the columns of a list that hold amounts of money or energy."""
    return {name for name, cell in CELL.findall(page) if AMOUNT.fullmatch(re.sub(r"<[^>]+>", "", cell).strip())}


class TestEveryPage:
    def test_opens_for_whom_it_is_made_asks_little_and_says_no_word_of_another_tenant(self, ours, theirs, client):
        readers = {
            "console": signed_in(ours.operator.user),
            "portal": signed_in(ours.fleet.user),
            "driver": client,
            "machine": signed_in(ours.operator.user),
        }

        broken, greedy, left_aligned, leaks = {}, {}, {}, []
        for address in addresses(ours):
            if address.name.endswith("logout"):
                continue
            with CaptureQueriesContext(connection) as queries:
                response = readers[address.face].get(address.path)
            usual = (200,) if address.name.endswith(ROWS) else (200, 302, 403, 405)
            if response.status_code not in usual:
                broken[address.name] = response.status_code
            if CANARY.encode() in answer(response):
                leaks.append(address.name)
            if address.name.endswith("_changelist"):
                left_aligned |= dict.fromkeys(figures_in(response.content.decode()) - RIGHT_ALIGNED, address.name)
            # Before a row is deleted, each table that may hold on to it is asked.
            if len(queries) > MOST_QUERIES and not address.name.endswith("_delete"):
                greedy[address.name] = len(queries)

        assert greedy == {}
        assert leaks == []
        assert left_aligned == {}
        assert broken == dict.fromkeys(NOT_THERE, 404)
