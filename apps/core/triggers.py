"""Triggers that refuse, stated once: frozen rows and append-only tables (django-pgtrigger).

Each raises ``restrict_violation``, which Django shows as IntegrityError. TRUNCATE passes, so that tests can flush.
"""

from collections.abc import Iterable

import pgtrigger

_RAISE = "RAISE EXCEPTION '%s' USING ERRCODE = 'restrict_violation';"


def append_only(name: str, *, what: str) -> list[pgtrigger.Trigger]:
    """Refuse every UPDATE and DELETE: ``what`` (plural, e.g. "ledger entries") are only ever added."""
    return [
        pgtrigger.Trigger(
            name=name,
            when=pgtrigger.Before,
            operation=pgtrigger.Update | pgtrigger.Delete,
            func=_RAISE % f"{what} are never changed or deleted",
        )
    ]


def frozen(name: str, *, what: str, once: str = "TRUE", exempt: Iterable[str] = ()) -> list[pgtrigger.Trigger]:
    """Refuse DELETE, and UPDATE of any column but ``exempt``, of rows for which SQL condition ``once`` holds on OLD.

    The comparison goes over the whole row as JSON, so that a column added later is frozen too.
    """
    minus = "".join(f" - '{column}'" for column in exempt)
    condition = f"({once}) AND (TG_OP = 'DELETE' OR (to_jsonb(OLD){minus}) IS DISTINCT FROM (to_jsonb(NEW){minus}))"
    return [
        pgtrigger.Trigger(
            name=name,
            when=pgtrigger.Before,
            operation=pgtrigger.Update | pgtrigger.Delete,
            func=f"""
                IF {condition} THEN {_RAISE % f"{what} are frozen"} END IF;
                IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                RETURN NEW;
            """,
        )
    ]
