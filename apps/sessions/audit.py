"""I6 and I8 of charge records: they hash to what was stored, and rating them again gives the same bytes."""

from collections.abc import Iterator

from apps.core.audit import register
from apps.sessions.models import Cdr
from apps.sessions.services.rating import content_hash
from apps.tariffs.domain.rating import ENGINE_VERSION, as_document, inputs_from_document, rate_session

_AT_ONCE = 500


@register("I6")
def charge_records_hash_to_what_was_stored() -> Iterator[tuple[str, str]]:
    """Yield each charge record whose document or totals are not those that were hashed."""
    for cdr in Cdr.objects.order_by("pk").iterator(_AT_ONCE):
        document = cdr.document
        if content_hash(document) != cdr.content_hash:
            yield f"charge record {cdr.pk}", "its document does not hash to what was stored"
        elif (document["net"], document["tax"], document["gross"]) != _amounts(cdr, document["gross"]):
            yield f"charge record {cdr.pk}", "its totals are not those of its document"


@register("I8")
def charge_records_rate_to_the_same_bytes() -> Iterator[tuple[str, str]]:
    """Yield each charge record of this engine version that its own inputs no longer lead to."""
    records = Cdr.objects.filter(engine_version=ENGINE_VERSION).select_related("tariff_version").order_by("pk")
    for cdr in records.iterator(_AT_ONCE):
        inputs = inputs_from_document(cdr.inputs)
        rated = rate_session(
            facts=inputs.facts,
            terms=cdr.tariff_version.terms(),
            grant=inputs.grant,
            tax_rates=inputs.tax_rates,
            zero_energy=inputs.zero_energy,
        )
        if content_hash(as_document(rated)) != cdr.content_hash:
            yield f"charge record {cdr.pk}", "rating its inputs again gives another result"


def _amounts(cdr: Cdr, like: str) -> tuple[str, str, str]:
    """Return the stored totals as text with as many decimals as ``like``."""
    decimals = len(like.partition(".")[2])
    net, tax, gross = (f"{money.amount:.{decimals}f}" for money in (cdr.net, cdr.tax, cdr.gross))
    return net, tax, gross
