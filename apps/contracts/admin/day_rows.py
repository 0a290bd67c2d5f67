"""Rows of a page that hold from day to day: entered together, they must not share days."""

from collections import defaultdict
from itertools import pairwise
from typing import Any, ClassVar

from django import forms


class DayRowsFormSet(forms.BaseInlineFormSet):
    """Says in words which rows share days.

    apart  the fields whose rows must not overlap; () = all rows of the page
    words  what to say
    """

    apart: ClassVar[tuple[str, ...]] = ()
    words: ClassVar[str] = "Two rows share days: end the earlier one first."

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        groups: defaultdict[tuple[Any, ...], list[Any]] = defaultdict(list)
        for form in self.forms:
            row = form.instance
            if form.cleaned_data.get("DELETE") or row.first_day is None:
                continue
            groups[tuple(getattr(row, f"{name}_id") for name in self.apart)].append(row)
        for rows in groups.values():
            for before, after in pairwise(sorted(rows, key=lambda row: row.first_day)):
                if before.end_day is None or before.end_day > after.first_day:
                    raise forms.ValidationError(self.words)
