"""Ratings and their inputs as JSON documents: decimals as strings, deterministic to the byte (I8)."""

from collections.abc import Mapping
from decimal import Decimal

from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.facts import GrantTerms, RatingInputs, SessionFacts, ZeroEnergyPolicy
from apps.tariffs.domain.rated import RatedSession


def as_document(rated: RatedSession) -> dict[str, object]:
    """Return a rated session as a JSON-able dict."""
    raise NotImplementedError


def canonical_bytes(document: Mapping[str, object]) -> bytes:
    """Return the one byte string of a document, for hashing and comparing."""
    raise NotImplementedError


def inputs_as_document(
    *,
    facts: SessionFacts,
    grant: GrantTerms,
    tax_rates: Mapping[TaxCategory, Decimal],
    zero_energy: ZeroEnergyPolicy = ZeroEnergyPolicy.FREE,
) -> dict[str, object]:
    """Return what ``rate_session`` reads besides the tariff as a JSON-able dict."""
    raise NotImplementedError


def inputs_from_document(document: Mapping[str, object]) -> RatingInputs:
    """Return the inputs that ``inputs_as_document`` wrote."""
    raise NotImplementedError
