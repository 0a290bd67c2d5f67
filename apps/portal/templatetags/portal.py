"""Template filters of the customers' pages."""

from django import template

from apps.invoices.domain import references
from apps.portal.forms import GROUNDS

register = template.Library()


@register.filter
def ground(value: str) -> str:
    """Say on which grounds a line is disputed, in the reader's language."""
    return str(dict(GROUNDS).get(value, value))


@register.filter
def in_groups(code: str) -> str:
    """Write an IBAN in groups of four, as on paper."""
    return references.in_groups(code)
