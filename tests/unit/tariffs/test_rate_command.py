"""``manage.py rate``: files in, a line of JSON for each session out, without a database."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.tariffs.management.commands.rate import Command

VECTORS = Path(__file__).parents[2] / "golden" / "vectors"


def vector(name):
    return VECTORS / f"{name}.json"


def run(*files):
    """Return the lines printed and what the command said at the end, None where all was priced."""
    out, said = StringIO(), None
    try:
        call_command("rate", *map(str, files), stdout=out)
    except CommandError as error:
        said = str(error)
    return [json.loads(line) for line in out.getvalue().splitlines()], said


class TestRate:
    def test_prints_the_whole_price_of_a_session(self):
        [line], said = run(vector("spec_15_reservation"))

        assert said is None
        assert line == {
            "id": "spec_15_reservation",
            "currency": "EUR",
            "total_cost": {"excl_vat": "6.75", "incl_vat": "7.60"},
            "exact_cost": {"excl_vat": "6.75", "incl_vat": "7.6"},
            "periods": line["periods"],
            "adjustments": [],
            "review": [],
            "warnings": [],
            "file": str(vector("spec_15_reservation")),
        }
        reserved, charging = line["periods"]
        assert (reserved["start"], reserved["end"]) == ("2022-01-13T10:00:00Z", "2022-01-13T10:15:00Z")
        assert reserved["dimensions"] == [{"type": "RESERVATION_TIME", "volume": "0.25"}]
        assert (charging["state"], charging["end"]) == ("charging", "2022-01-13T12:00:00Z")
        assert charging["dimensions"] == [
            {"type": "ENERGY", "volume": "20"},
            {"type": "TIME", "volume": "1.75"},
        ]
        [time] = reserved["parts"]
        assert {name: time[name] for name in time if name != "reason"} == {
            "element": 0,
            "dimension": "TIME",
            "tax_category": "vat 20",
            "quantity": "0.25",
            "unit": "h",
            "price": "5",
            "amount": "1.25",
        }
        assert all(part["reason"] for period in line["periods"] for part in period["parts"])

    def test_shows_each_adjustment_of_the_total(self):
        [line], _ = run(vector("spec_12_min_price_1200wh"))

        assert line["total_cost"] == {"excl_vat": "0.50", "incl_vat": "0.55"}
        assert [(told["kind"], told["excl_vat"], told["incl_vat"]) for told in line["adjustments"]] == [
            ("min_price", "0.20", "0.22")
        ]

    def test_prices_the_others_when_one_cannot_be_read(self, tmp_path):
        no_json = tmp_path / "broken.json"
        no_json.write_text("{")

        lines, said = run(
            vector("lint_misspelled_day_of_week"),
            no_json,
            tmp_path,
            tmp_path / "missing.json",
            vector("bill_lago_graduated"),
            vector("spec_05_free"),
        )

        assert said == "5 of 6 could not be priced; their lines say why."
        assert [(line["id"], line.get("error", "")) for line in lines] == [
            (
                "lint_misspelled_day_of_week",
                "currency: 'gbp' is no ISO 4217 currency code; elements[0].restrictions.dayOfWeek: unknown field; "
                "elements[1].restrictions.dayOfWeek: unknown field; session: required",
            ),
            (None, "no JSON: Expecting property name enclosed in double quotes in line 1, column 2"),
            (None, "Is a directory"),
            (None, "No such file or directory"),
            ("bill_lago_graduated", "model: a billing case has no session to price"),
            ("spec_05_free", ""),
        ]
        assert lines[1]["file"] == str(no_json)

    def test_exits_with_1_when_one_cannot_be_read(self, tmp_path):
        with pytest.raises(CommandError) as caught:
            call_command("rate", str(tmp_path / "missing.json"), stdout=StringIO())

        assert caught.value.returncode == 1

    def test_prints_a_line_for_each_case_of_a_list(self, tmp_path):
        cases = [json.loads(vector(name).read_text()) for name in ("spec_05_free", "seg_07_meter_rollback")]
        many = tmp_path / "many.json"
        many.write_text(json.dumps([*cases, 3]))

        lines, said = run(many)

        assert [line["id"] for line in lines] == ["spec_05_free", "seg_07_meter_rollback", None]
        assert [line["file"] for line in lines] == [f"{many}[0]", f"{many}[1]", f"{many}[2]"]
        assert [bool(line.get("review")) for line in lines] == [False, True, False]
        assert said == "1 of 3 could not be priced; their lines say why."

    def test_refuses_an_empty_list(self, tmp_path):
        empty = tmp_path / "empty.json"
        empty.write_text("[]")

        assert run(empty)[0] == [{"id": None, "file": str(empty), "error": "an empty list has no case"}]

    def test_needs_no_system_checks(self):
        assert Command.requires_system_checks == []
