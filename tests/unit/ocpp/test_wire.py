"""The library's schemas and names, as we use them."""

from decimal import Decimal

import pytest
from ocpp.v16 import call_result

from apps.ocpp.calls import UnknownCallError, payload_of
from apps.ocpp.domain.frames import Refusal
from apps.ocpp.versions import OCPP_16, OCPP_201, VERSIONS, choose_version
from apps.ocpp.wire import to_wire

START = {"connectorId": 1, "idTag": "CARD", "meterStart": 0, "timestamp": "2026-03-01T12:00:00Z"}

schema_verdict = OCPP_16.schemas.request_verdict


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

    @pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.protocol)
    def test_exists_for_every_action_that_is_handled_or_asked_for(self, version):
        actions = version.handlers.keys() | version.commands

        assert actions == version.schemas.actions
        verdicts = [version.schemas.request_verdict(action, {"no such field": 1}) for action in actions]
        assert None not in verdicts

    def test_spells_errors_as_two_nought_one_does(self):
        verdict = OCPP_201.schemas.request_verdict

        assert verdict("Authorize", {}).error_code == "OccurrenceConstraintViolation"
        token = {"idToken": "A", "type": "Central"}
        assert verdict("Authorize", {"idToken": token, "more": 1}).error_code == "FormatViolation"
        assert OCPP_201.error_code(Refusal(error_code="FormationViolation", description="")) == "RpcFrameworkError"
        named = Refusal(error_code="FormationViolation", description="", message_id="1")
        assert (OCPP_201.error_code(named), OCPP_16.error_code(named)) == ("FormatViolation", "FormationViolation")


class TestTheVersion:
    @pytest.mark.parametrize(
        ("offered", "only", "protocol"),
        [
            (["ocpp1.6"], "", "1.6"),
            (["ocpp1.6", "ocpp2.0.1"], "", "2.0.1"),
            (["ocpp2.0.1", "ocpp1.6"], "1.6", "1.6"),
            (["ocpp1.6", "ocpp2.0.1"], "2.0.1", "2.0.1"),
            (["ocpp1.6"], "2.0.1", None),
            (["ocpp2.1", "ocpp2.0"], "", None),
            ([], "", None),
        ],
    )
    def test_is_the_newest_that_is_offered_and_allowed(self, offered, only, protocol):
        version = choose_version(offered, only=only)

        assert (version.protocol if version else None) == protocol


class TestToWire:
    def test_leaves_out_what_is_none(self):
        assert to_wire(call_result.StopTransaction()) == {}

    def test_writes_names_as_the_wire_does(self):
        answer = call_result.StartTransaction(transaction_id=7, id_tag_info={"status": "Accepted"})

        assert to_wire(answer) == {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}


class TestCommands:
    def test_are_sent_as_their_rows_say(self):
        payload = {"idTag": "ABC", "connectorId": 2}

        assert payload_of(OCPP_16, "RemoteStartTransaction", payload) == payload

    @pytest.mark.parametrize(
        ("action", "payload"),
        [
            ("Reset", {"type": "Immediate"}),
            ("RequestStopTransaction", {"transactionId": "T-1"}),
            ("StatusNotification", {}),
            ("RemoteStartTransaction", {}),
            ("RemoteStartTransaction", {"idTag": "X" * 21}),
            ("UnlockConnector", {"connectorId": 1, "force": True}),
            ("UnlockConnector", {"connectorId": "1"}),
        ],
    )
    def test_are_refused_before_a_station_sees_nonsense(self, action, payload):
        with pytest.raises(UnknownCallError):
            payload_of(OCPP_16, action, payload)
