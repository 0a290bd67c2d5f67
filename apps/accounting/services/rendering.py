"""Print a statement: every session with its rule and share, every movement of money, and what is left."""

from datetime import datetime
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation

from apps.accounting import selectors_settlement as selectors
from apps.accounting.models import Statement
from apps.core.domain.zones import zone
from apps.documents import renderer
from apps.documents.models import Document
from apps.documents.services import store_document


def render_statement(*, statement_id: int, at: datetime) -> Document:
    """Render a statement once and keep the file, for platform and owner; rendering again returns the first."""
    statement = Statement.objects.select_related(
        "agreement__platform", "agreement__owner", "fee_invoice", "payout"
    ).get(pk=statement_id)
    if (existing := selectors.get_file(statement)) is not None:
        return existing
    # Rendering takes a quarter of a second and more, so it happens outside any transaction.
    rendered = renderer.render(print_html(statement))
    return store_document(
        seller_id=statement.agreement.platform_id,
        recipient_id=statement.agreement.owner_id,
        key=selectors.document_key(statement),
        kind="statement",
        media_type=rendered.media_type,
        language="en",
        file_name=f"statement-{statement.month:%Y-%m}-{statement.pk}{rendered.extension}",
        content=rendered.content,
        at=at,
    )


def print_html(statement: Statement) -> str:
    """Return the statement as HTML, in English."""
    with translation.override("en"):
        return render_to_string("accounting/statement.html", _context(statement))


def _context(statement: Statement) -> dict[str, Any]:
    lines = statement.lines.order_by("started_at", "pk")
    return {
        "statement": statement,
        "platform": statement.agreement.platform,
        "owner": statement.agreement.owner,
        "rule": statement.agreement.rule_in_words(),
        "lines": [{"row": row, "local": row.started_at.astimezone(zone(row.time_zone))} for row in lines],
        "movements": selectors.movements_of(statement),
        "currency": statement.currency,
        "payout": getattr(statement, "payout", None),
    }
