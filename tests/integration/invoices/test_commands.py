import os
import signal
import subprocess
import sys
from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.invoices.models import Invoice
from apps.invoices.services.billing import start_run
from tests.factories import make_contract, make_customer, make_site, make_token
from tests.integration.invoices.world import APRIL, NIGHT_AND_DAY, make_cdr


def run(*args: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("run_billing", *args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


class TestRunBilling:
    def test_prints_number_customer_and_total_of_each_document(self, site):
        make_cdr(site=site)

        out, err = run("--until", "2026-03-31")

        number = Invoice.objects.get().number
        assert out == f"{number}  {site.customer.name}  €9.28\n"
        assert err == ""

    def test_says_so_when_there_is_nothing_to_bill(self, site):
        assert run("--until", "2026-03-31")[0] == f"{site.owner.name}: nothing to bill until 2026-03-31\n"

    def test_bills_one_seller_when_asked(self, site):
        make_cdr(site=site)
        make_cdr(site=make_site())

        run("--until", "2026-06-30", "--seller", site.owner.name)

        assert {invoice.seller for invoice in Invoice.objects.all()} == {site.owner}

    def test_names_what_was_not_billed(self, site):
        contract = make_contract(customer=make_customer(seller=site.owner, city=""))
        make_cdr(site=site, contract=contract, token=make_token(contract=contract), vehicle=None)

        out, err = run("--until", "2026-03-31")

        assert out == ""
        assert err == f"not billed: {contract.number}: the customer “{contract.customer.name}” has no city\n"

    @pytest.mark.parametrize("day", ["31.03.2026", "2026-02-30", "yesterday"])
    def test_names_the_field_of_a_bad_date(self, db, day):
        with pytest.raises(CommandError, match=rf"--until: “{day}” is no date; write YYYY-MM-DD"):
            run("--until", day)

    def test_names_the_field_of_an_unknown_seller(self, site):
        with pytest.raises(CommandError, match="--seller: there is no station owner named “Nobody”"):
            run("--until", "2026-03-31", "--seller", "Nobody")


@pytest.mark.django_db
def test_says_that_a_run_waits_for_somebody_and_bills_the_other_sellers():
    waiting, other = make_site(elements=NIGHT_AND_DAY), make_site(elements=NIGHT_AND_DAY)
    for site in (waiting, other):
        make_cdr(site=site)
    start_run(seller_id=waiting.owner.pk, until_date=date(2026, 2, 28), is_reviewed=True, at=APRIL)
    _, err = run("--until", "2026-03-31")

    assert err.startswith(f"{waiting.owner.name}: The billing run until 2026-02-28 is not finished")
    assert Invoice.objects.get().seller == other.owner


@pytest.mark.django_db(transaction=True)
class TestKilledRun:
    def bill(self, failpoint: str = "") -> int:
        """Run the command in a process of its own on the test's database; return its exit code."""
        name = connection.settings_dict["NAME"]
        settings = connection.settings_dict
        url = f"postgres://{settings['USER']}:{settings['PASSWORD']}@{settings['HOST'].replace('/', '%2F')}"
        if settings["PORT"]:
            url += f":{settings['PORT']}"
        return subprocess.run(
            [sys.executable, "manage.py", "run_billing", "--until", "2026-03-31"],
            env={**os.environ, "DATABASE_URL": f"{url}/{name}", "FAILPOINT": failpoint},
            capture_output=True,
            check=False,
        ).returncode

    def test_is_resumed_by_the_next_and_bills_everything_once(self, transactional_db):
        site = make_site(elements=NIGHT_AND_DAY)
        other = make_contract(customer=site.customer)
        make_cdr(site=site)
        make_cdr(site=site, contract=other, token=make_token(contract=other))

        killed = self.bill("billing.drafted")
        resumed = self.bill()

        assert (killed, resumed) == (-signal.SIGKILL, 0)
        assert sorted(Invoice.objects.values_list("status", "number")) == [
            ("issued", f"INV-{Invoice.objects.first().issue_date.year}-{n:06d}") for n in (1, 2)
        ]
        assert Invoice.objects.values("run").distinct().count() == 1
