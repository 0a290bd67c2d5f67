"""Template tags and filters of the customers' pages."""

from typing import Any

from django import template

from apps.core import words
from apps.invoices.domain import references
from apps.portal.navigation import places_for

register = template.Library()


@register.filter
def in_groups(code: str) -> str:
    """Write an IBAN in groups of four, as on paper."""
    return references.in_groups(code)


@register.filter
def signed(percent: int) -> str:
    """Write a change in percent with its sign."""
    sign = "−" if percent < 0 else "+"
    return f"{sign}{words.percent(abs(percent))}"


@register.inclusion_tag("portal/navigation.html", takes_context=True)
def navigation(context: Any) -> dict[str, Any]:
    """Show where the pages are, this one marked; signed in without a customer, there is nowhere to go."""
    membership = context.get("membership")
    match = context["request"].resolver_match
    here = match.url_name if match else ""
    is_customer = membership is not None and not membership.is_operator
    places = places_for(membership) if is_customer else []
    return {"places": [{"place": place, "is_here": place.is_here(here)} for place in places]}
