"""The editor's page as one value: what holds for the whole tariff, and a row for each element, in order.

A row is known by a key that the page made; the order of the keys in the request is the order of the elements, so that
moving, adding and removing rows needs nothing but the order of what is sent, with JavaScript or without.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.forms.boundfield import BoundField
from django.http import QueryDict

from apps.tariffs.admin.element_form import ElementForm, fields_of
from apps.tariffs.admin.fields import MinutesField, choice, minutes_text, number_field, text_area, text_field
from apps.tariffs.domain.ocpi import MOST_TEXT
from apps.tariffs.domain.parse import Problem, TariffError, parse_tariff
from apps.tariffs.domain.sentences import describe_element
from apps.tariffs.domain.terms import TariffTerms, ZeroEnergyPolicy
from apps.tariffs.domain.wording import WORDS
from apps.tariffs.models import TariffVersion

MOST_ROWS: Final = 100
_FULL: Final = Problem(path="elements", message=f"at most {MOST_ROWS} rows are written here; nothing is saved")
_KEY: Final = re.compile(r"[a-z0-9]{1,12}", re.ASCII)
_DAY: Final = re.compile(r"[^\s,;]+")
_ELEMENT: Final = re.compile(r"elements\[(\d+)\]\.?(.*)")
_IDLE: Final = {"max_amount": "idle_max_amount", "quiet_start": "quiet_start", "quiet_end": "quiet_end"}
_ZERO_ENERGY: Final = [
    (ZeroEnergyPolicy.FREE, "costs nothing"),
    (ZeroEnergyPolicy.FLAT_ONLY, "costs its flat price only"),
    (ZeroEnergyPolicy.FULL, "costs like any other"),
]


class TariffForm(forms.Form):
    """What holds for the whole tariff."""

    currency = text_field("Currency", maxlength="3", help_text="ISO 4217, for example EUR.")
    tax_included = choice("Prices are", [("YES", "including tax"), ("NO", "excluding tax")])
    min_price_excl_vat = number_field("At least, excluding tax")
    min_price_incl_vat = number_field("At least, including tax")
    max_price_excl_vat = number_field("At most, excluding tax")
    max_price_incl_vat = number_field("At most, including tax")
    idle_max_amount = number_field("All idling together at most")
    quiet_start = text_field("Idling is free from", kind="time")
    quiet_end = text_field("until", kind="time")
    zero_energy = choice("A session without energy", [(policy.value, said) for policy, said in _ZERO_ENERGY])
    settle_after = MinutesField(
        "Settle a silent station after",
        help_text="Minutes without a word after which an ended session is priced; empty means 15.",
    )
    holidays = text_area("Public holidays", rows=4, help_text="Dates such as 2027-01-01, apart by spaces or lines.")
    text_en = text_area("Note in English", rows=2, most=MOST_TEXT)
    text_de = text_area("Note in German", rows=2, most=MOST_TEXT)
    text_fr = text_area("Note in French", rows=2, most=MOST_TEXT)
    text_nl = text_area("Note in Dutch", rows=2, most=MOST_TEXT)

    def document(self) -> dict[str, Any]:
        """Return the tariff document without its elements; what was not understood stays as typed."""
        document: dict[str, Any] = {
            "currency": self._said("currency").strip().upper(),
            "tax_included": self._said("tax_included"),
        }
        for limit in ("min_price", "max_price"):
            sides = {side: said for side in ("excl_vat", "incl_vat") if (said := self._said(f"{limit}_{side}"))}
            document |= {limit: sides} if sides else {}
        idle = {name: said for name, field in _IDLE.items() if (said := self._said(field))}
        holidays = sorted(set(_DAY.findall(self._said("holidays"))))
        rest = {"idle": idle, "holidays": holidays, "settle_after": self._said("settle_after")}
        rest["zero_energy"] = self._said("zero_energy")
        if rest["zero_energy"] == ZeroEnergyPolicy.FREE:
            del rest["zero_energy"]
        return document | {name: value for name, value in rest.items() if value not in ("", None, {}, [])}

    def texts(self) -> dict[str, str]:
        """Return what the driver is told besides the prices, by language; empty ones are left out."""
        said = {language: self._said(f"text_{language}").strip() for language in WORDS}
        return {language: text for language, text in said.items() if text}

    def notes(self) -> list[BoundField]:
        """Return the fields of the texts, one a language."""
        return [self[f"text_{language}"] for language in WORDS]

    def field_of(self, path: str) -> str | None:
        """Return the field that a path of the document is about; None: none of them."""
        section, _, name = path.partition(".")
        section = section.partition("[")[0]
        if section in ("min_price", "max_price"):
            return f"{section}_{name or 'incl_vat'}"
        found = _IDLE.get(name, "idle_max_amount") if section == "idle" else section
        return found if found in self.fields else None

    def _said(self, name: str) -> Any:
        if name in self.cleaned_data:
            return self.cleaned_data[name]
        return self[name].value() or ""


def tariff_fields_of(document: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return a tariff document as the form's values."""
    values: dict[str, Any] = {"currency": document["currency"], "tax_included": document["tax_included"]}
    for limit in ("min_price", "max_price"):
        values |= {f"{limit}_{side}": str(amount) for side, amount in document.get(limit, {}).items()}
    values |= {_IDLE[name]: value for name, value in document.get("idle", {}).items()}
    values["holidays"] = "\n".join(document.get("holidays", []))
    values["zero_energy"] = document.get("zero_energy", ZeroEnergyPolicy.FREE.value)
    values["settle_after"] = minutes_text(document.get("settle_after"))
    return values | {f"text_{language}": text for language, text in texts.items()}


@dataclass(frozen=True, kw_only=True)
class Row:
    """An element on the page; ``number`` counts from 1."""

    key: str
    form: ElementForm
    number: int = 0


class Sheet:
    """The tariff form and its rows, bound to values: a stored draft's, or what a person sent."""

    def __init__(self, form: TariffForm, rows: list[Row], *, unplaced: Iterable[Problem] = ()) -> None:
        self.form = form
        self.rows = [Row(key=row.key, form=row.form, number=number) for number, row in enumerate(rows, 1)]
        self.unplaced = list(unplaced)
        for each in (form, *(row.form for row in rows)):
            each.is_valid()

    @classmethod
    def of_version(cls, version: TariffVersion) -> "Sheet":
        """Return the sheet of a stored version, as a page that was just opened would send it."""
        data = QueryDict(mutable=True)
        data.update(tariff_fields_of(version.document(), version.texts))
        for at, element in enumerate(version.elements):
            data.appendlist("row", f"e{at}")
            for name, value in fields_of(element).items():
                data.setlist(f"e{at}-{name}", value if isinstance(value, list) else [value])
        return cls.of_request(data)

    @classmethod
    def of_request(cls, data: QueryDict) -> "Sheet":
        """Read what was sent; keys that no page made are not read, more rows than ``MOST_ROWS`` are a problem."""
        keys = list(dict.fromkeys(key for key in data.getlist("row") if _KEY.fullmatch(key)))
        rows = [Row(key=key, form=ElementForm(data, prefix=key)) for key in keys[:MOST_ROWS]]
        return cls(TariffForm(data), rows, unplaced=[_FULL] if len(keys) > MOST_ROWS else [])

    def rearranged(self, act: str) -> "Sheet":
        """Return the sheet after "add", "up:key", "down:key" or "remove:key"; other acts change nothing."""
        name, _, key = act.partition(":")
        rows, keys = list(self.rows), [row.key for row in self.rows]
        if name == "add" and len(rows) >= MOST_ROWS:
            return Sheet(self.form, rows, unplaced=[_FULL])
        if name == "add":
            rows.append(self.blank_row())
        elif key in keys:
            at = keys.index(key)
            if name == "remove":
                del rows[at]
            elif name in ("up", "down"):
                to = max(0, at - 1) if name == "up" else at + 1
                rows.insert(to, rows.pop(at))
        return Sheet(self.form, rows)

    def blank_row(self) -> Row:
        """Return a row without a word in it, under a key that is free."""
        taken = {row.key for row in self.rows}
        key = next(name for number in range(len(taken) + 1) if (name := f"n{number}") not in taken)
        return Row(key=key, form=ElementForm(QueryDict(), prefix=key))

    def document(self) -> dict[str, Any]:
        return self.form.document() | {"elements": [row.form.document() for row in self.rows]}

    def texts(self) -> dict[str, str]:
        return self.form.texts()

    def terms(self) -> TariffTerms | None:
        """Return the terms if the whole sheet is a tariff."""
        try:
            return parse_tariff(self.document())
        except TariffError:
            return None

    def is_good(self) -> bool:
        """Whether the whole sheet is a tariff; each problem is then shown at its field."""
        try:
            parse_tariff(self.document())
        except TariffError as error:
            self.place(error.problems)
        return not self.has_problems

    @property
    def has_problems(self) -> bool:
        """Whether a field is wrong by itself, or a problem was placed."""
        return bool(self.unplaced or self.form.errors or any(row.form.errors for row in self.rows))

    def place(self, problems: tuple[Problem, ...]) -> None:
        """Show each problem at the field that its path names, at its row, or on top."""
        for problem in problems:
            found = _ELEMENT.fullmatch(problem.path)
            if found and int(found[1]) < len(self.rows):
                form: ElementForm | TariffForm = self.rows[int(found[1])].form
                field = form.field_of(found[2])
            else:
                form, field = self.form, self.form.field_of(problem.path)
            if field is None and form is self.form:
                self.unplaced.append(problem)
            elif field is None or field not in form.errors:
                form.add_error(field, str(problem))

    def sentences(self) -> dict[str, str]:
        """Return by row key what each element says in words, or what is missing before it says anything."""
        whole = self.form.document()
        frame = {name: whole[name] for name in ("currency", "tax_included", "idle") if name in whole}
        return {row.key: sentence_of(frame, row.form.document()) for row in self.rows}


def sentence_of(frame: Mapping[str, Any], element: Mapping[str, Any]) -> str:
    """Return an element in words; where it cannot be read, what the parser says of it."""
    try:
        terms = parse_tariff({**frame, "elements": [element]})
    except TariffError as error:
        return "; ".join(problem.message for problem in error.problems if problem.path.startswith("elements"))
    return describe_element(
        terms.elements[0],
        currency=terms.currency,
        tax_included=terms.tax_included,
        max_idle_amount=terms.idle.max_amount,
    )
