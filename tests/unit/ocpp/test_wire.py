"""The library's schemas and names, as we use them."""

from decimal import Decimal

import pytest
from ocpp.v16 import call, call_result

from apps.ocpp.calls import UnknownCallError, payload_of, says_yes
from apps.ocpp.v16 import HANDLERS
from apps.ocpp.wire import ACTIONS, schema_verdict, to_wire

START = {"connectorId": 1, "idTag": "CARD", "meterStart": 0, "timestamp": "2026-03-01T12:00:00Z"}


class TestSchemaVerdict:
    def test_is_silent_about_a_good_payload(self):
        assert schema_verdict("StartTransaction", START) is None

    def test_takes_times_that_our_reader_takes(self):
        assert schema_verdict("StartTransaction", {**START, "timestamp": "2026-03-01T12:00:00"}) is None

    @pytest.mark.parametrize(
        ("change", "error_code", "text"),
        [
            ({"meterStart": "0"}, "TypeConstraintViolation", 'schema: meterStart: "0" is not of type "integer"'),
            ({"meterStart": Decimal("0.5")}, "TypeConstraintViolation", None),
            ({"idTag": "X" * 21}, "PropertyConstraintViolation", None),
            ({"vendor": 1}, "FormationViolation", None),
        ],
    )
    def test_says_what_is_wrong_in_the_words_of_one_six(self, change, error_code, text):
        verdict = schema_verdict("StartTransaction", {**START, **change})

        assert verdict.error_code == error_code
        assert text is None or verdict.text == text

    def test_names_a_missing_field_as_one_six_spells_it(self):
        assert schema_verdict("Authorize", {}).error_code == "OccurenceConstraintViolation"

    def test_stays_short_whatever_was_sent(self):
        assert len(schema_verdict("Authorize", {"idTag": ["x" * 1000]}).text) == 300

    def test_exists_for_every_action_that_is_handled(self):
        assert HANDLERS.keys() <= ACTIONS
        assert all(schema_verdict(action, {"no such field": 1}) is not None for action in HANDLERS)


class TestToWire:
    def test_leaves_out_what_is_none(self):
        assert to_wire(call_result.StopTransaction()) == {}

    def test_writes_names_as_the_wire_does(self):
        answer = call_result.StartTransaction(transaction_id=7, id_tag_info={"status": "Accepted"})

        assert to_wire(answer) == {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}


class TestCommands:
    def test_are_written_from_their_rows(self):
        assert payload_of("RemoteStartTransaction", {"idTag": "ABC", "connectorId": 2}) == {
            "idTag": "ABC",
            "connectorId": 2,
        }
        assert to_wire(call.RemoteStopTransaction(transaction_id=7)) == payload_of(
            "RemoteStopTransaction", {"transactionId": 7}
        )

    @pytest.mark.parametrize(
        ("action", "payload"),
        [
            ("Reset", {"type": "Hard"}),
            ("RemoteStartTransaction", {}),
            ("RemoteStartTransaction", {"idTag": "X" * 21}),
            ("UnlockConnector", {"connectorId": 1, "force": True}),
            ("UnlockConnector", {"connectorId": "1"}),
        ],
    )
    def test_are_refused_before_a_station_sees_nonsense(self, action, payload):
        with pytest.raises(UnknownCallError):
            payload_of(action, payload)

    @pytest.mark.parametrize(
        ("answer", "is_yes"),
        [
            ({"status": "Accepted"}, True),
            ({"status": "Unlocked"}, True),
            ({"status": "Rejected"}, False),
            ({"status": "UnlockFailed"}, False),
            ({"status": ["Accepted"]}, False),
            ({}, False),
        ],
    )
    def test_are_accepted_only_by_a_clear_yes(self, answer, is_yes):
        assert says_yes(answer) is is_yes
