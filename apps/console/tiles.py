"""Figures of the home page, each with the list behind it."""

from dataclasses import dataclass

from django.urls import reverse


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A figure and where its rows are listed; ``tone`` is calm, warning or danger."""

    figure: str
    label: str
    url: str
    tone: str = "calm"


def list_of(name: str) -> str:
    """Return the address of a model's list, named ``app_model``."""
    return reverse(f"admin:{name}_changelist")
