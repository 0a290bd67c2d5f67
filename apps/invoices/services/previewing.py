"""Show what the next invoice would say, on paper that can never be taken for one: nothing is kept, no number drawn."""

from datetime import date, datetime

from django.db import transaction

from apps.contracts.registrations import registrations_of
from apps.documents import renderer
from apps.documents.renderer import Rendered
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.errors import NothingToIssue
from apps.invoices.models import Invoice
from apps.invoices.services.drafting import draft_contract
from apps.invoices.services.issuing import fill_in
from apps.invoices.services.rendering import print_html


def preview_next(*, contract_id: int, until_date: date, at: datetime) -> Rendered:
    """Return what the next billing run until a day would issue first on a contract, as if now.

    :raises NothingToIssue: nothing is due
    :raises DocumentRefused: the document would be refused; the message says why
    """
    with transaction.atomic():
        drafts = draft_contract(contract_id=contract_id, until_date=until_date)
        if not drafts:
            raise NothingToIssue(f"nothing is due until {until_date:%d %B %Y}")
        html = _html(drafts[0], at=at)
        transaction.set_rollback(True)
    # Rendering takes a quarter of a second and more, so it happens when the contract's lock is given back.
    return renderer.render(html)


def preview_draft(*, invoice_id: int, at: datetime) -> Rendered:
    """Return what a draft would say if it were issued now.

    :raises ValueError: it is issued already
    :raises DocumentRefused: it would be refused; the message says why
    """
    draft = Invoice.objects.select_related("seller", "customer", "contract", "credits", "replaces").get(pk=invoice_id)
    if draft.status != InvoiceStatus.DRAFT:
        raise ValueError(f"{draft} is issued; what is issued has its own file")
    return renderer.render(_html(draft, at=at))


def _html(draft: Invoice, *, at: datetime) -> str:
    registrations = registrations_of(draft.seller)
    fill_in(draft, taxes=list(draft.taxes.all()), registrations=registrations, issued_at=at)
    return print_html(draft, is_preview=True)
