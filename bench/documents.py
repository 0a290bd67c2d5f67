"""What the files of an invoice cost: PDF alone, PDF with its data inside, data alone in each format; one process.

The rival is WeasyPrint on the same page without archive and data: what comes on top is the cost.
"""

import statistics
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import weasyprint

from apps.contracts.domain.electronic import InvoiceFormat
from apps.documents import renderer
from apps.invoices import facturx, writers
from apps.invoices.models import Invoice
from apps.invoices.services.billing import run_billing
from apps.invoices.services.einvoicing import broken_rules, terms_of
from apps.invoices.services.rendering import print_html
from bench.billing import FIRST_NIGHT, NIGHT_AND_DAY, rate_night
from bench.house import own_database
from bench.measure import say
from tests.factories import Site, make_site

ISSUED_AT = datetime(2026, 4, 1, 6, 0, tzinfo=UTC)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--invoice-sessions", type=int, default=20, help="sessions of the invoice (%(default)s)")
    parser.add_argument("--document-rounds", type=int, default=5, help="times each file is made (%(default)s)")


def run(options: Namespace) -> dict[str, Any]:
    """Make each file of one invoice several times and return the middle of the times."""
    with own_database():
        invoice = _invoice(make_site(elements=NIGHT_AND_DAY), sessions=options.invoice_sessions)
        say(f"documents: an invoice of {options.invoice_sessions} sessions, each file {options.document_rounds} times")
        terms = terms_of(invoice)
        assert broken_rules(invoice, terms) == [], "the invoice is a valid electronic one"
        html = print_html(invoice)
        cii = writers.write(terms, as_format=InvoiceFormat.FACTURX)
        attached = facturx.inside_pdf(cii, at=ISSUED_AT)
        figures: dict[str, Callable[[], Any]] = {
            "page_as_html": lambda: print_html(invoice),
            "rival_plain_pdf": lambda: weasyprint.HTML(
                string=html, url_fetcher=renderer._fetcher(weasyprint)
            ).write_pdf(),
            "archive_pdf": lambda: renderer.render(html),
            "archive_pdf_with_data": lambda: renderer.render(html, attached=attached),
            "terms_and_rules": lambda: broken_rules(invoice, terms_of(invoice)),
            **{
                f"write_{one.value}": lambda one=one: writers.write(terms, as_format=one)  # type: ignore[misc]
                for one in InvoiceFormat
            },
        }
        times = {name: _cpu_ms(make, rounds=options.document_rounds) for name, make in figures.items()}
        pdf = renderer.render(html, attached=attached).content
    return {
        "unit": "ms of CPU a file, one process",
        "sessions": options.invoice_sessions,
        "lines_of_data": len(terms.bg25_lines),
        **times,
        "bytes": {"pdf": len(pdf), "data": len(cii)},
        "equal": "the data in the PDF are those that are kept; the document breaks no rule",
    }


def _invoice(site: Site, *, sessions: int) -> Invoice:
    for night in range(sessions):
        rate_night(site, night)
    last = FIRST_NIGHT + timedelta(sessions)
    run_billing(seller_id=site.owner.pk, until_date=last.date(), at=last + timedelta(days=1))
    return Invoice.objects.select_related("seller", "customer", "contract", "credits", "replaces").get()


def _cpu_ms(make: Callable[[], Any], *, rounds: int) -> float:
    make()
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        make()
        times.append(time.process_time() - begin)
    return round(statistics.median(times) * 1000, 1)
