"""I6 and I8 of charge records: they hash to what was stored, and rating them again gives the same bytes."""

from collections.abc import Iterator

from apps.core.audit import register
from apps.sessions.models import Cdr
from apps.sessions.services.rating import content_hash
from apps.tariffs.domain.rating import ENGINE_VERSION, as_document, inputs_from_document, rate_session

_AT_ONCE = 500


@register("I6")
def charge_records_hash_to_what_was_stored() -> Iterator[tuple[str, str]]:
    """Yield each charge record whose document, totals or energy are not those that were hashed."""
    for cdr in Cdr.objects.order_by("pk").iterator(_AT_ONCE):
        if problem := _document_problem(cdr):
            yield f"charge record {cdr.pk}", problem


@register("I8")
def charge_records_rate_to_the_same_bytes() -> Iterator[tuple[str, str]]:
    """Yield each charge record of this engine version that its own inputs no longer lead to."""
    records = Cdr.objects.filter(engine_version=ENGINE_VERSION).select_related("tariff_version").order_by("pk")
    for cdr in records.iterator(_AT_ONCE):
        if problem := _rating_problem(cdr):
            yield f"charge record {cdr.pk}", problem


def _document_problem(cdr: Cdr) -> str | None:
    document = cdr.document
    if content_hash(document) != cdr.content_hash:
        return "its document does not hash to what was stored"
    try:
        stated = (document["net"], document["tax"], document["gross"], document["energy_milliwh"])
        if stated != (*_amounts(cdr, document["gross"]), cdr.energy_milliwh):
            return "its totals are not those of its document"
    except (AttributeError, KeyError, TypeError):
        return "its document has not the shape of a rating"
    return None


def _rating_problem(cdr: Cdr) -> str | None:
    try:
        inputs = inputs_from_document(cdr.inputs)
        rated = rate_session(
            facts=inputs.facts,
            terms=cdr.tariff_version.terms(),
            grant=inputs.grant,
            tax_rates=inputs.tax_rates,
        )
    except Exception as error:
        # Damaged inputs or terms can break anything; one record must not hide what the rest of the audit finds.
        return f"its inputs cannot be rated again ({type(error).__name__})"
    is_same = content_hash(as_document(rated)) == cdr.content_hash
    return None if is_same else "rating its inputs again gives another result"


def _amounts(cdr: Cdr, like: str) -> tuple[str, str, str]:
    """Return the stored totals as text with as many decimals as ``like``."""
    decimals = len(like.partition(".")[2])
    net, tax, gross = (f"{money.amount:.{decimals}f}" for money in (cdr.net, cdr.tax, cdr.gross))
    return net, tax, gross
