"""The columns in which a station keeps what its display can show of prices, and what its owner decided about it."""

from django.db import models
from django.db.models import Q

from apps.stations.domain.display import NOTHING, Display, PriceDisplay

PRICE_DISPLAYS = [
    (PriceDisplay.AS_REPORTED.value, "as the station says it can"),
    (PriceDisplay.ON.value, "on, whatever it says"),
    (PriceDisplay.OFF.value, "off"),
]


class ShowsPrices(models.Model):
    """Part of a charging station.

    price_display     what its owner decided
    shows_…, display_currency, display_language  what it said itself (``domain.display.Display``)
    """

    price_display = models.CharField(
        "prices on the display",
        max_length=8,
        choices=PRICE_DISPLAYS,
        default=PriceDisplay.AS_REPORTED.value,
        help_text="Whether tariff and cost are sent to the station's own display.",
    )
    shows_cost = models.BooleanField(default=False, editable=False)
    shows_tariff = models.BooleanField(default=False, editable=False)
    shows_messages = models.BooleanField(default=False, editable=False)
    display_currency = models.CharField(max_length=3, blank=True, editable=False)
    display_language = models.CharField(max_length=2, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def display(self) -> Display:
        """What may be told to its display: what it says it can show, unless its owner decided."""
        match PriceDisplay(self.price_display):
            case PriceDisplay.OFF:
                return NOTHING
            case PriceDisplay.ON:
                shown = (True, True, True)
            case PriceDisplay.AS_REPORTED:
                shown = (self.shows_cost, self.shows_tariff, self.shows_messages)
        cost, tariff, messages = shown
        return Display(
            cost=cost,
            tariff=tariff,
            messages=messages,
            currency=self.display_currency,
            language=self.display_language,
        )

    def set_display(self, display: Display) -> None:
        """Keep what the station said of its display."""
        self.shows_cost, self.shows_tariff, self.shows_messages = display.cost, display.tariff, display.messages
        self.display_currency, self.display_language = display.currency, display.language
        self.save(
            update_fields=["shows_cost", "shows_tariff", "shows_messages", "display_currency", "display_language"]
        )


def may_be_told(part: str) -> Q:
    """Return the condition that a station's display may be told ``part``: "cost", "tariff" or "messages"."""
    return Q(price_display=PriceDisplay.ON) | Q(price_display=PriceDisplay.AS_REPORTED, **{f"shows_{part}": True})
