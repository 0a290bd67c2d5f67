"""Fuzz the OCPP-J frame decoder, guided by coverage: ``python -m tests.fuzz.frames -runs=200000 [-seed=1]``.

The options are libFuzzer's, of atheris. It starts from frames that stations send, and prints its iterations and what it
covers. The law: whatever the bytes, nothing is raised; what is let in can be written again and is let in again.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import atheris

with atheris.instrument_imports(include=["apps.ocpp.domain", "json"]):
    from apps.ocpp.domain.frames import Call, CallError, CallResult, Refusal, call, call_error, call_result, decode

SEEDS: Final = (
    '[2,"1","Heartbeat",{}]',
    '[2,"19223201","StartTransaction",{"connectorId":1,"idTag":"04AB","meterStart":51.5,"timestamp":"2026-06-01T12:00:00Z"}]',
    '[2,"b","MeterValues",{"connectorId":1,"transactionId":-1,"meterValue":[{"timestamp":"1970-01-01T00:00:00Z",'
    '"sampledValue":[{"value":"1e9","unit":"kWh"},{"value":"NaN"},{"value":"{\\"SD\\":\\"\\\\u0000\\"}"}]}]}]',
    '[3,"x",{"status":"Accepted","big":123456789012345678901,"small":1e-30}]',
    '[4,"y","GenericError","",{"a":[[[[[[]]]]]]}]',
    '[2,"1","Heartbeat",{"a":1,"a":2}]',
    '[2,"\\ud800","X",{}]',
)


def check(data: bytes) -> None:
    """Hold one frame, as text where it is some, to the law."""
    trusted = bool(data[:1] and data[0] & 1)
    decode(data, trusted=trusted)
    text = data.decode("utf-8", errors="surrogateescape")
    found = decode(text, trusted=trusted)
    match found:
        case Refusal():
            return
        case Call(message_id=message_id, action=action, payload=payload):
            again = decode(call(message_id, action, payload), trusted=True)
            assert isinstance(again, Call), again
            assert (again.message_id, again.action) == (message_id, action)
        case CallResult(message_id=message_id, payload=payload):
            assert isinstance(decode(call_result(message_id, payload), trusted=True), CallResult)
        case CallError(message_id=message_id):
            assert isinstance(decode(call_error(message_id, "GenericError", ""), trusted=True), CallError)


def main() -> None:
    """Write the seeds where libFuzzer finds them, and let it run."""
    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS):
            Path(corpus, str(number)).write_text(seed)
        atheris.Setup([*sys.argv, corpus], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
