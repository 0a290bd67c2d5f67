"""Template filters of the customers' pages."""

from django import template

from apps.portal.forms import GROUNDS

register = template.Library()


@register.filter
def ground(value: str) -> str:
    """Say on which grounds a line is disputed, in the reader's language."""
    return str(dict(GROUNDS).get(value, value))
