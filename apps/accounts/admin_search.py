"""A list's search, answered by indexes: what is searched for elsewhere is looked up there first, and told by its keys.

Joined to what it belongs to, each of a million rows would be looked at for a word that none has. A station, a contract
or a customer is found among thousands, and the rows that name it by their foreign keys.
"""

from collections.abc import Iterable
from functools import reduce
from itertools import chain
from operator import or_
from typing import Any, Final, NamedTuple

from django.core.exceptions import ValidationError
from django.db.models import Field, ForeignObjectRel, Model, Q, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.utils.text import smart_split, unescape_string_literal

MOST_KEYS: Final = 1_000
"""A word that so many rows elsewhere have is common: the rows that a page shows are soon found by looking at each."""


class _Found(NamedTuple):
    """A condition on rows: what a lookup of theirs is."""

    lookup: str
    value: Any


def searched(rows: QuerySet[Any], *, fields: tuple[str, ...], text: str) -> QuerySet[Any]:
    """Narrow ``rows`` to those that have each word of ``text`` in one of ``fields``.

    A field is a path, with the part of any case that it contains, or ``__exact`` or ``__startswith`` for what an index
    of its own finds.
    """
    for word in words_of(text):
        rows = rows.filter(_any(_look_up(rows.model, fields, word)))
    return rows


def words_of(text: str) -> list[str]:
    """Split at blanks; what stands in quotation marks is one."""
    words = [
        unescape_string_literal(bit) if bit[0] in "\"'" and bit[0] == bit[-1] else bit for bit in smart_split(text)
    ]
    return [word for word in words if word]


def _look_up(model: type[Model], paths: Iterable[str], word: str) -> list[_Found]:
    """Return the conditions of which a row meets one if it has a word at the end of a path; none: no row has."""
    found: list[_Found] = []
    elsewhere: dict[str, list[str]] = {}
    for path in paths:
        head, _, rest = path.partition(LOOKUP_SEP)
        field = model._meta.get_field(head)
        if not isinstance(field, Field) or field.is_relation:
            elsewhere.setdefault(head, []).append(rest)
        elif condition := _compared(field, rest or "icontains", word):
            found.append(condition)
    return [
        *found,
        *chain.from_iterable(_look_up_related(model, head, rests, word) for head, rests in elsewhere.items()),
    ]


def _look_up_related(model: type[Model], head: str, paths: Iterable[str], word: str) -> list[_Found]:
    field: Any = model._meta.get_field(head)
    related = field.related_model
    found = _look_up(related, paths, word)
    if not found:
        return []
    # Rows of which this one has many name it; else this one names them.
    lookup, named = ("pk__in", field.field.attname) if isinstance(field, ForeignObjectRel) else (f"{head}__in", "pk")
    keys = list(related._base_manager.filter(_any(found)).order_by().values_list(named, flat=True)[: MOST_KEYS + 1])
    if len(keys) > MOST_KEYS:
        return [_Found(f"{head}{LOOKUP_SEP}{one.lookup}", one.value) for one in found]
    return [_Found(lookup, keys)] if keys else []


def _any(found: Iterable[_Found]) -> Q:
    return reduce(or_, (Q(one) for one in found), Q(pk__in=()))


def _compared(field: "Field[Any, Any]", lookup: str, word: str) -> _Found | None:
    if lookup == "exact":
        try:
            field.run_validators(field.to_python(word))
        except ValidationError:
            return None
    return _Found(f"{field.name}{LOOKUP_SEP}{lookup}", word)
