"""Plans of stations as CSV, and what a station's settings tell of its connectors."""

import pytest

from apps.core.domain.cells import csv_text
from apps.stations.domain.plans import COLUMNS, EXAMPLE, MOST_BYTES, PlannedConnector, Problem, read_plan
from apps.stations.domain.reported import ReportedConnector, reported_connectors

HEADER = ",".join(COLUMNS)
GOOD = "Depot,CS-1,1,1,type2,22000"


def read(*lines: str):
    return read_plan("\n".join((HEADER, *lines)).encode())


class TestReadPlan:
    def test_reads_a_line_a_connector(self):
        plan = read(GOOD)

        assert plan.problems == ()
        assert plan.connectors == (
            PlannedConnector(
                line=2, location="Depot", station="CS-1", evse=1, connector=1, kind="type2", max_power_w=22_000
            ),
        )

    def test_reads_its_own_template(self):
        plan = read_plan(csv_text([COLUMNS, *EXAMPLE]).encode())

        assert (len(plan.connectors), plan.problems) == (4, ())

    def test_reads_what_a_german_spreadsheet_saves(self):
        text = "\ufeff" + "\r\n".join((";".join(COLUMNS), '"Depot; Süd";CS-1;1;1;ccs2;150000', ";;;;;", ""))

        (connector,) = read_plan(text.encode()).connectors

        assert (connector.location, connector.max_power_w) == ("Depot; Süd", 150_000)

    @pytest.mark.parametrize(
        ("line", "column"),
        [
            (",CS-1,1,1,type2,22000", "location"),
            ("Depot,CS 1,1,1,type2,22000", "station"),
            ("Depot,CS-1/../2,1,1,type2,22000", "station"),
            ("Depot,CS-1,0,1,type2,22000", "evse"),
            ("Depot,CS-1,1,x,type2,22000", "connector"),
            ("Depot,CS-1,1,1,Type2,22000", "kind"),
            ("Depot,CS-1,1,1,type2,22 kW", "max_power_w"),
            ("Depot,CS-1,1,1,type2,-22000", "max_power_w"),
            ("Depot,CS-1,1,1,type2,٢٢", "max_power_w"),
            ("Depot,CS-1,1,1,type2", ""),
        ],
    )
    def test_names_the_line_and_the_column_of_what_is_odd(self, line, column):
        plan = read(GOOD, line)

        assert [(problem.line, problem.column) for problem in plan.problems] == [(3, column)]

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            (GOOD, Problem(line=3, column="connector", message="Line 2 has this connector already.")),
            (
                "Elsewhere,CS-1,2,1,type2,22000",
                Problem(line=3, column="location", message="In line 2 the same station is at “Depot”."),
            ),
            (
                "Depot,cs-1,2,1,type2,22000",
                Problem(
                    line=3,
                    column="station",
                    message="Differs from line 2 only in case; to a charger these are two identities.",
                ),
            ),
        ],
    )
    def test_names_what_contradicts_another_line(self, line, problem):
        assert read(GOOD, line).problems == (problem,)

    @pytest.mark.parametrize(
        ("content", "line", "sentence"),
        [
            (b"", 1, "must name the columns"),
            (b"identity,key\n", 1, "must name the columns"),
            (HEADER.encode(), 0, "no line below the header"),
            (f"{HEADER}\nM\xfcller,CS-1,1,1,type2,1".encode("latin-1"), 2, "not UTF-8"),
            (f'{HEADER}\n"Depot,CS-1,1,1,type2,1'.encode(), 2, "no CSV"),
            (f"{HEADER}\nDe\0pot,CS-1,1,1,type2,1".encode(), 0, "NUL"),
            (b"x" * (MOST_BYTES + 1), 0, "more than 256 KiB"),
            ("\n".join([HEADER, *[f"D,C-{n},1,1,type2,1" for n in range(1_001)]]).encode(), 1_002, "part the file"),
        ],
    )
    def test_refuses_what_is_no_plan(self, content, line, sentence):
        plan = read_plan(content)

        (problem,) = plan.problems
        assert plan.connectors == ()
        assert problem.line == line
        assert sentence in problem.message


class TestCsvText:
    def test_leaves_no_formula_to_a_spreadsheet(self):
        text = csv_text([("=1+1", "+49", "-5", "@SUM(A1)", "\tx", "CS=1")])

        assert text == "'=1+1,'+49,'-5,'@SUM(A1),'\tx,CS=1\r\n"


class TestReportedConnectors:
    def test_counts_those_of_a_1_6_station(self):
        assert reported_connectors({"NumberOfConnectors": "2", "HeartbeatInterval": "300"}) == (
            ReportedConnector(1, 1, ""),
            ReportedConnector(2, 1, ""),
        )

    def test_finds_those_of_a_2_0_1_station_with_their_kinds(self):
        settings = {
            "EVSE@1.AvailabilityState": "Available",
            "Connector@1:1.ConnectorType": "cCCS2",
            "Connector@1:2.ConnectorType": "cG105",
            "Connector@1:2.Available": "true",
            "EVSE@2.AvailabilityState": "Available",
            "Connector@3:1.ConnectorType": "wInductive",
            "ChargingStation.Model": "X",
        }

        assert reported_connectors(settings) == (
            ReportedConnector(1, 1, "ccs2"),
            ReportedConnector(1, 2, "chademo"),
            ReportedConnector(2, 1, ""),
            ReportedConnector(3, 1, ""),
        )

    @pytest.mark.parametrize("value", ["", "many", "-1", "٢", "99999999"])
    def test_takes_no_count_from_what_is_no_number(self, value):
        assert reported_connectors({"NumberOfConnectors": value}) == ()

    def test_stops_where_no_station_goes(self):
        assert len(reported_connectors({"NumberOfConnectors": "999"})) == 64
