"""What is said of a disputed line, for customers and drivers."""

from django import template

from apps.invoices.dispute_form import GROUNDS

register = template.Library()


@register.filter
def ground(value: str) -> str:
    """Say on which grounds a line is disputed, in the reader's language."""
    return str(dict(GROUNDS).get(value, value))
