"""A tariff element in one sentence for the driver, in English or German."""

from typing import Literal

from apps.tariffs.domain.terms import TariffElement

Language = Literal["en", "de"]


def describe_element(
    element: TariffElement,
    *,
    currency: str,
    language: Language = "en",
    tax_included: bool | None = None,
) -> str:
    """Say when an element holds and what it costs: "Mo–Fr 06:00–22:00: 0.49 €/kWh + 0.05 €/min, gross"."""
    raise NotImplementedError
