"""Where the portal's pages are: the few in the bar, the others under "More"; on a phone all in one menu."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Membership
from apps.portal.access import is_administrator


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An entry of the navigation.

    name     of its address · pages: the names of those that belong to it too
    is_main  stands in the bar where there is room · is_for: whom it is shown to
    """

    name: str
    label: str | Promise
    pages: frozenset[str] = frozenset()
    is_main: bool = False
    is_for: Callable[[Membership], bool] = lambda membership: True

    @property
    def url(self) -> str:
        return f"portal:{self.name}"

    def is_here(self, page: str) -> bool:
        return page == self.name or page in self.pages


PLACES: Final = (
    Place(name="home", label=_("Overview"), is_main=True),
    Place(name="sessions", label=_("Sessions"), pages=frozenset({"session", "places"}), is_main=True),
    Place(name="invoices", label=_("Invoices"), pages=frozenset({"invoice", "line"}), is_main=True),
    Place(
        name="cards",
        label=_("Cards"),
        pages=frozenset({"card", "card-add", "vehicles", "vehicle", "cost-centres", "cost-centre"}),
        is_main=True,
    ),
    Place(name="budgets", label=_("Budgets"), pages=frozenset({"budget-add", "budget"}), is_main=True),
    Place(name="contracts", label=_("Contracts"), pages=frozenset({"contract", "community", "home-charging"})),
    Place(name="disputes", label=_("Disputes")),
    Place(name="payment-method", label=_("Payment")),
    Place(name="people", label=_("People"), pages=frozenset({"person-invite"}), is_for=is_administrator),
    Place(name="machines", label=_("API keys and webhooks"), is_for=is_administrator),
)


def places_for(membership: Membership) -> list[Place]:
    return [place for place in PLACES if place.is_for(membership)]
