"""Who changed what, from what, to what: a line for each change and each act on an object's own "History" page.

The lines are Django's ``LogEntry``, in its own format, so that its page shows them; what is added are the values. A
field that is secret says only that it changed.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast

from django import forms
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import Truncator

_MOST_CHARS: Final = 120
_EMPTY: Final = "nothing"


class HistoryOfChanges:
    """What an admin writes down of a change made by form, and of an act that writes nothing down itself."""

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Iterable[Any], add: bool = False
    ) -> list[dict[str, Any]]:
        """Return what changed, in the format of ``LogEntry.get_change_message``, each field with both values."""
        told: list[dict[str, Any]] = []
        if add:
            told.append({"added": {}})
        elif form.changed_data:
            told.append({"changed": {"fields": moves(form, form.changed_data)}})
        for formset in formsets or ():
            told += [{"added": _named(row)} for row in formset.new_objects]
            forms_of = {one.instance.pk: one for one in formset.forms}
            told += [
                {"changed": {**_named(row), "fields": moves(forms_of[row.pk], names)}}
                for row, names in formset.changed_objects
            ]
            told += [{"deleted": _named(row)} for row in formset.deleted_objects]
        return told

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        request.has_history = True  # type: ignore[attr-defined]
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def note_act(self, request: HttpRequest, obj: Any, words: str) -> None:
        """Write down an act on ``obj``, unless it has said so itself in better words."""
        if not getattr(request, "has_history", False):
            self.log_change(request, obj, words)


def add_line(row: models.Model, *, by_id: int, flag: int, told: dict[str, dict[str, Any]] | str) -> None:
    """Write a line of a row's history that no admin class writes.

    flag  of ``LogEntry``: ADDITION, CHANGE, DELETION · told: one part of ``get_change_message``, or a sentence
    """
    LogEntry.objects.create(
        user_id=by_id,
        content_type=ContentType.objects.get_for_model(row),
        object_id=str(row.pk),
        object_repr=str(row)[:200],
        action_flag=flag,
        change_message=told if isinstance(told, str) else json.dumps([told]),
    )


def _named(row: models.Model) -> dict[str, str]:
    return {"name": str(row._meta.verbose_name), "object": str(row)}


def moves(form: Any, names: Iterable[str]) -> list[str]:
    """Say of each of a form's fields what it was and what it is; a secret one is only named."""
    return [_move(form, name) for name in names]


def _move(form: Any, name: str) -> str:
    field = form.fields[name]
    label = str(field.label or name.replace("_", " "))
    if isinstance(field.widget, forms.PasswordInput):
        return label
    return f"{label}: {_words(field, form[name].initial)} → {_words(field, form.cleaned_data.get(name))}"


def _words(field: forms.Field, value: Any) -> str:
    """Write a field's value as its form shows it."""
    if value is None or value == "" or value == []:
        return _EMPTY
    if isinstance(value, list | tuple | set | models.QuerySet):
        return ", ".join(_words(field, one) for one in value) or _EMPTY
    if isinstance(field, forms.ModelChoiceField) and not isinstance(value, models.Model):
        assert field.queryset is not None, "a field of the admin has its choices"
        value = field.queryset.model._base_manager.filter(pk=value).first() or value
    elif isinstance(field, forms.ChoiceField):
        labels: dict[Any, Any] = dict(cast("Iterable[tuple[Any, Any]]", field.choices))
        value = labels.get(value, value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"
    return Truncator(str(value)).chars(_MOST_CHARS)
