"""The decoder's limits, case by case, and the law that nothing makes it raise."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ocpp.domain.frames import (
    MAX_NEW_BYTES,
    MAX_TRUSTED_BYTES,
    Call,
    CallError,
    CallResult,
    Refusal,
    call_error,
    decode,
    depth_of,
)


def frame_of(size: int, action: str) -> str:
    """Return a CALL of exactly ``size`` bytes."""
    head, tail = f'[2,"1","{action}",{{"data":"', '"}]'
    return head + "x" * (size - len(head) - len(tail)) + tail


def nested(depth: int) -> str:
    """Return a CALL whose brackets nest ``depth`` deep; the frame and its payload are two of them."""
    inner = depth - 2
    return '[2,"1","DataTransfer",{"data":' + "[" * inner + "]" * inner + "}]"


class TestDecode:
    def test_reads_a_call_with_exact_numbers(self):
        decoded = decode('[2,"19","MeterValues",{"a":0.1,"b":12,"c":1e2}]', trusted=False)

        assert decoded == Call(
            message_id="19", action="MeterValues", payload={"a": Decimal("0.1"), "b": 12, "c": Decimal("1e2")}
        )
        assert type(decoded.payload["b"]) is int

    def test_reads_a_result(self):
        assert decode('[3,"19",{"status":"Accepted"}]', trusted=True) == CallResult(
            message_id="19", payload={"status": "Accepted"}
        )

    @pytest.mark.parametrize("rest", ['"GenericError","no",{}', '"GenericError","no"', '"GenericError"'])
    def test_reads_an_error_even_when_its_end_is_missing(self, rest):
        decoded = decode(f'[4,"19",{rest}]', trusted=True)

        assert isinstance(decoded, CallError)
        assert (decoded.message_id, decoded.error_code) == ("19", "GenericError")

    @pytest.mark.parametrize(
        ("frame", "message_id"),
        [
            ("", None),
            ("hello", None),
            ("null", None),
            ("{}", None),
            ("[]", None),
            ("[2]", None),
            ('[2,"",  "Heartbeat",{}]', None),
            ('[2,7,"Heartbeat",{}]', None),
            ('[2,null,"Heartbeat",{}]', None),
            (f'[2,"{"x" * 37}","Heartbeat",{{}}]', None),
            ('[2,"1"]', "1"),
            ('[2,"1","Heartbeat"]', "1"),
            ('[2,"1","Heartbeat",[]]', "1"),
            ('[2,"1","Heartbeat",{},{}]', "1"),
            ('[2,"1",{},"Heartbeat"]', "1"),
            ('[3,"1"]', "1"),
            ('[3,"1",[]]', "1"),
            ('[4,"1"]', "1"),
            ('[4,"1",17,"x",{}]', "1"),
            ('[1,"1","Heartbeat",{}]', "1"),
            ('[5,"1",{}]', "1"),
            ('[true,"1",{}]', "1"),
            ('[2.0,"1","Heartbeat",{}]', "1"),
            ('["2","1","Heartbeat",{}]', "1"),
            ('[2,"1","Heartbeat",{}] trailing', None),
            ("\ufeff[]", None),
            ('[2,"1","Heartbeat",{"a":NaN}]', None),
            ('[2,"1","Heartbeat",{"a":-Infinity}]', None),
            ('[2,"1","Heartbeat",{"a":1,"a":2}]', None),
            ('[2,"1","Heartbeat",{"a":{"b":1,"b":1}}]', None),
            ('[2,"1","Heartbeat",{"a":"\\u0000"}]', None),
            ('[2,"1","Heartbeat",{"a\\u0000":1}]', None),
            ('[2,"1","Heartbeat",{"a":["\\ud800"]}]', None),
            ('[2,"1","Heartbeat",{"a":"\0"}]', None),
            ('[2,"1","Heartbeat",{"a":"\ud800"}]', None),
            (b'[2,"1","Heartbeat",{}]', None),
            (b"\xff\xfe", None),
        ],
    )
    def test_refuses_what_is_no_message(self, frame, message_id):
        decoded = decode(frame, trusted=True)

        assert isinstance(decoded, Refusal)
        assert decoded.message_id == message_id

    def test_spells_the_error_as_one_six_does(self):
        assert decode("hello", trusted=True).error_code == "FormationViolation"

    def test_takes_a_whole_surrogate_pair(self):
        assert decode('[2,"1","DataTransfer",{"data":"\\ud83d\\ude00"}]', trusted=False).payload == {"data": "😀"}

    def test_takes_an_id_of_thirty_six(self):
        assert isinstance(decode(f'[2,"{"x" * 36}","Heartbeat",{{}}]', trusted=False), Call)

    @pytest.mark.parametrize("payload", ["[]", "null", '"text"', "{},{}", "17"])
    def test_keeps_a_transaction_message_of_a_wrong_shape(self, payload):
        decoded = decode(f'[2,"1","StopTransaction",{payload}]', trusted=False)

        assert decoded == Call(
            message_id="1", action="StopTransaction", payload={}, problems=("the payload is not one object",)
        )

    @pytest.mark.parametrize("action", ["StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent"])
    def test_keeps_the_last_of_a_key_that_stands_twice_in_a_transaction_message(self, action):
        decoded = decode(f'[2,"1","{action}",{{"a":1,"b":{{"c":0.2,"c":0.3}},"a":2}}]', trusted=False)

        assert decoded == Call(
            message_id="1",
            action=action,
            payload={"a": 2, "b": {"c": Decimal("0.3")}},
            problems=("a key stands twice in one object",),
        )

    @pytest.mark.parametrize("value", ["NaN", '"\\u0000"', "1e99999999999999999999", "1"])
    def test_refuses_what_is_no_json_in_a_transaction_message_with_a_key_twice(self, value):
        decoded = decode(f'[2,"1","StopTransaction",{{"a":1,"a":1,"b":{value}}}', trusted=False)

        assert isinstance(decoded, Refusal)

    def test_reads_an_endless_integer_without_counting_it_out(self):
        decoded = decode(f'[2,"1","StopTransaction",{{"meterStop":{"9" * 50_000}}}]', trusted=True)

        assert decoded.payload["meterStop"] == "9" * 400

    @pytest.mark.parametrize("number", ["1e99999999999999999999", "1e60", "-1e-99", "9" * 61])
    def test_leaves_a_number_that_nothing_counts_the_text_it_is(self, number):
        decoded = decode(f'[2,"1","StartTransaction",{{"meterStart":{number}}}]', trusted=True)

        assert isinstance(decoded, Call)
        assert decoded.payload == {"meterStart": number}


class TestSizeLimit:
    def test_takes_64_kib_from_a_new_socket(self):
        assert isinstance(decode(frame_of(MAX_NEW_BYTES, "StopTransaction"), trusted=False), Call)

    def test_refuses_one_byte_more_from_a_new_socket(self):
        assert isinstance(decode(frame_of(MAX_NEW_BYTES + 1, "StopTransaction"), trusted=False), Refusal)

    def test_takes_1_mib_of_a_transaction_from_a_trusted_socket(self):
        assert isinstance(decode(frame_of(MAX_TRUSTED_BYTES, "StopTransaction"), trusted=True), Call)

    def test_refuses_one_byte_more_from_a_trusted_socket(self):
        assert isinstance(decode(frame_of(MAX_TRUSTED_BYTES + 1, "StopTransaction"), trusted=True), Refusal)

    def test_refuses_more_than_64_kib_of_anything_else_and_names_the_message(self):
        decoded = decode(frame_of(MAX_NEW_BYTES + 1, "DataTransfer"), trusted=True)

        assert isinstance(decoded, Refusal)
        assert decoded.message_id == "1"

    def test_counts_bytes_not_characters(self):
        text = '[2,"1","StopTransaction",{"data":"' + "ü" * (MAX_NEW_BYTES // 2) + '"}]'

        assert isinstance(decode(text, trusted=False), Refusal)


class TestDepthLimit:
    def test_takes_thirty_two(self):
        assert isinstance(decode(nested(32), trusted=False), Call)

    def test_refuses_thirty_three(self):
        assert isinstance(decode(nested(33), trusted=False), Refusal)

    def test_refuses_a_tower_before_the_parser_sees_it(self):
        assert isinstance(decode("[" * 500_000, trusted=True), Refusal)

    def test_counts_no_bracket_inside_a_text(self):
        assert isinstance(decode('[2,"1","DataTransfer",{"data":"' + "[" * 100 + '"}]', trusted=False), Call)

    def test_sees_the_end_of_a_text_behind_escapes(self):
        assert depth_of('["\\\\",["\\"]]]"]]') == 2

    def test_is_linear_in_unclosed_quotes(self):
        hostile = "[" * 33 + '\\"' * 400_000

        assert depth_of(hostile) == 33


class TestCallError:
    def test_answers_minus_one_where_no_id_could_be_read(self):
        assert json.loads(call_error(None, "FormationViolation", "no JSON")) == [
            4,
            "-1",
            "FormationViolation",
            "no JSON",
            {},
        ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
almost_frames = st.tuples(
    st.sampled_from([2, 3, 4, 5, True, "2"]),
    st.one_of(st.text(max_size=40), json_values),
    st.sampled_from(["StartTransaction", "Heartbeat", ""]) | json_values,
    json_values,
).map(lambda parts: json.dumps(list(parts)))


class TestNothingMakesItRaise:
    @given(st.text() | st.binary(), st.booleans())
    def test_whatever_the_text(self, frame, trusted):
        assert isinstance(decode(frame, trusted=trusted), Call | CallResult | CallError | Refusal)

    @given(almost_frames)
    def test_nor_what_looks_like_a_message(self, frame):
        decoded = decode(frame, trusted=True)

        assert isinstance(decoded, Call | CallResult | CallError | Refusal)
        if not isinstance(decoded, Refusal):
            assert 1 <= len(decoded.message_id) <= 36

    @given(almost_frames, st.data())
    def test_nor_a_message_cut_or_changed_in_one_place(self, frame, data):
        at = data.draw(st.integers(0, len(frame)))
        changed = frame[:at] + data.draw(st.text(max_size=3)) + frame[at + 1 :]

        assert isinstance(decode(changed, trusted=True), Call | CallResult | CallError | Refusal)
