"""How a charger words what happens to it, in each version of OCPP; the simulated charger itself knows none.

A message is (action, payload). In 1.6 the central system names a transaction when it answers its start; in 2.0.1 the
charger names it, and tells start, course and end by one action.
"""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeAlias

from apps.ocpp.simulator.signing import SigningMeter

Said: TypeAlias = tuple[str, dict[str, Any]]
TransactionId: TypeAlias = Any
"""A number that the central system gave (1.6), or a text that is the charger's own (2.0.1)."""


class UnsupportedProtocolError(ValueError):
    """The simulator does not speak the protocol asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What a charger knows of its transaction once the start is answered."""

    transaction_id: TransactionId
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStart:
    """What the central system asked for; connector None: whichever."""

    token: str
    connector: int | None
    number: int | None = None


class Dialect(Protocol):
    """The words of one version.

    actions             names what may be asked, as start, stop and unlock
    transaction_states  statuses that are told by the transaction, and so never lost
    """

    subprotocol: str
    actions: dict[str, str]
    transaction_states: frozenset[str]

    def new_transaction_id(self) -> TransactionId: ...

    def boot(self) -> Said: ...

    def status(self, status: str, *, connector: int, at: datetime, error: str) -> Said: ...

    def authorize(self, token: str) -> Said: ...

    def token_status(self, answer: dict[str, Any]) -> str: ...

    def start(
        self,
        token: str,
        *,
        at: datetime,
        meter_wh: int,
        connector: int,
        transaction_id: TransactionId,
        remote: RemoteStart | None,
    ) -> Said: ...

    def started(self, said: Said, answer: dict[str, Any]) -> Started: ...

    def meter_values(
        self, transaction_id: TransactionId | None, readings: Sequence[tuple[datetime, int]], *, connector: int
    ) -> Said: ...

    def stop(
        self,
        transaction_id: TransactionId,
        *,
        at: datetime,
        meter_wh: int,
        reason: str,
        token: str | None,
        connector: int,
    ) -> Said: ...

    def remote_start(self, payload: dict[str, Any]) -> RemoteStart: ...


def dialect_of(protocol: str, meter: SigningMeter | None = None) -> Dialect:
    """Return the words of a version; ``meter`` signs the begin and the end of each transaction.

    :raises UnsupportedProtocolError: it is not spoken
    """
    if protocol not in _DIALECTS:
        raise UnsupportedProtocolError(f"OCPP {protocol} is not spoken; {' and '.join(_DIALECTS)} are")
    return _DIALECTS[protocol](meter)


def wire_time(at: datetime) -> str:
    """Write an instant as a charger does."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def meter_value(at: datetime, energy_wh: int, context: str = "Sample.Periodic") -> dict[str, Any]:
    """Write one sample of the energy register (OCPP 1.6 §7.32)."""
    sample = {"value": str(energy_wh), "context": context, "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    return {"timestamp": wire_time(at), "sampledValue": [sample]}


def meter_value_201(at: datetime, energy_wh: int, context: str = "Sample.Periodic") -> dict[str, Any]:
    """Write one sample of the energy register (OCPP 2.0.1 part 2 §2.29)."""
    sample = {
        "value": energy_wh,
        "context": context,
        "measurand": "Energy.Active.Import.Register",
        "unitOfMeasure": {"unit": "Wh"},
    }
    return {"timestamp": wire_time(at), "sampledValue": [sample]}


class Dialect16:
    """OCPP 1.6: a message for each thing."""

    subprotocol = "ocpp1.6"
    actions = {"start": "RemoteStartTransaction", "stop": "RemoteStopTransaction", "unlock": "UnlockConnector"}
    transaction_states: frozenset[str] = frozenset()

    def __init__(self, meter: SigningMeter | None = None) -> None:
        self._meter = meter
        self._signed_begin: dict[int, dict[str, Any]] = {}

    def new_transaction_id(self) -> TransactionId:
        """Return what stands for the transaction until its start is answered."""
        return -1

    def boot(self) -> Said:
        return "BootNotification", {
            "chargePointVendor": "Wattledger",
            "chargePointModel": "Simulator",
            "firmwareVersion": "1.0",
        }

    def status(self, status: str, *, connector: int, at: datetime, error: str) -> Said:
        payload = {"connectorId": connector, "errorCode": error, "status": status}
        return "StatusNotification", {**payload, "timestamp": wire_time(at)}

    def authorize(self, token: str) -> Said:
        return "Authorize", {"idTag": token}

    def token_status(self, answer: dict[str, Any]) -> str:
        return str(answer["idTagInfo"]["status"])

    def start(
        self,
        token: str,
        *,
        at: datetime,
        meter_wh: int,
        connector: int,
        transaction_id: TransactionId,
        remote: RemoteStart | None,
    ) -> Said:
        payload = {"connectorId": connector, "idTag": token, "meterStart": meter_wh, "timestamp": wire_time(at)}
        if self._meter is not None:
            # 1.6 has no place for it before the end.
            self._signed_begin[connector] = self._signed_value(self._meter, at, meter_wh, "Transaction.Begin")
        return "StartTransaction", payload

    def started(self, said: Said, answer: dict[str, Any]) -> Started:
        return Started(transaction_id=answer["transactionId"], status=answer["idTagInfo"]["status"])

    def meter_values(
        self, transaction_id: TransactionId | None, readings: Sequence[tuple[datetime, int]], *, connector: int
    ) -> Said:
        payload: dict[str, Any] = {"connectorId": connector, "meterValue": [meter_value(*one) for one in readings]}
        if transaction_id is not None:
            payload["transactionId"] = transaction_id
        return "MeterValues", payload

    def stop(
        self,
        transaction_id: TransactionId,
        *,
        at: datetime,
        meter_wh: int,
        reason: str,
        token: str | None,
        connector: int,
    ) -> Said:
        payload: dict[str, Any] = {
            "transactionId": transaction_id,
            "meterStop": meter_wh,
            "timestamp": wire_time(at),
            "reason": reason,
        }
        if token is not None:
            payload["idTag"] = token
        begin = self._signed_begin.pop(connector, None)
        if self._meter is not None and begin is not None:
            payload["transactionData"] = [begin, self._signed_value(self._meter, at, meter_wh, "Transaction.End")]
        return "StopTransaction", payload

    def _signed_value(self, meter: SigningMeter, at: datetime, meter_wh: int, context: str) -> dict[str, Any]:
        """Write a sample and its signed record as OCA's paper "Signed Meter Values in OCPP" has it for 1.6."""
        value = meter_value(at, meter_wh, context)
        signed = meter.signed_value(at, _MOMENTS[context], meter_wh)
        value["sampledValue"].append({"value": json.dumps(signed), "context": context, "format": "SignedData"})
        return value

    def remote_start(self, payload: dict[str, Any]) -> RemoteStart:
        return RemoteStart(token=payload["idTag"], connector=payload.get("connectorId"))


class Dialect201:
    """OCPP 2.0.1: a connector is EVSE n with connector 1; what the vehicle does is told by its transaction."""

    subprotocol = "ocpp2.0.1"
    actions = {"start": "RequestStartTransaction", "stop": "RequestStopTransaction", "unlock": "UnlockConnector"}
    transaction_states = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE"})
    _OCCUPIED: Final = frozenset({"Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"})
    _TRIGGERS: Final = {"Remote": "RemoteStop", "EVDisconnected": "EVDeparted", "DeAuthorized": "Deauthorized"}

    def __init__(self, meter: SigningMeter | None = None) -> None:
        self._meter = meter
        self._open: dict[int, TransactionId] = {}
        self._seq_no: dict[TransactionId, int] = {}

    def new_transaction_id(self) -> TransactionId:
        return str(uuid.uuid4())

    def boot(self) -> Said:
        station = {"vendorName": "Wattledger", "model": "Simulator", "firmwareVersion": "1.0"}
        return "BootNotification", {"reason": "PowerUp", "chargingStation": station}

    def status(self, status: str, *, connector: int, at: datetime, error: str) -> Said:
        transaction_id = self._open.get(connector)
        if transaction_id is not None and status in self.transaction_states:
            return self._event("Updated", transaction_id, at, "ChargingStateChanged", connector, chargingState=status)
        return "StatusNotification", {
            "timestamp": wire_time(at),
            "connectorStatus": "Occupied" if status in self._OCCUPIED else status,
            "evseId": connector,
            "connectorId": 1,
        }

    def authorize(self, token: str) -> Said:
        return "Authorize", {"idToken": {"idToken": token, "type": "ISO14443"}}

    def token_status(self, answer: dict[str, Any]) -> str:
        return str(answer["idTokenInfo"]["status"])

    def start(
        self,
        token: str,
        *,
        at: datetime,
        meter_wh: int,
        connector: int,
        transaction_id: TransactionId,
        remote: RemoteStart | None,
    ) -> Said:
        self._open[connector] = transaction_id
        trigger = "Authorized" if remote is None else "RemoteStart"
        info = {} if remote is None else {"remoteStartId": remote.number}
        action, payload = self._event(
            "Started", transaction_id, at, trigger, connector, chargingState="EVConnected", **info
        )
        payload["idToken"] = {"idToken": token, "type": "ISO14443" if remote is None else "Central"}
        payload["meterValue"] = [self._moment(at, meter_wh, "Transaction.Begin")]
        return action, payload

    def started(self, said: Said, answer: dict[str, Any]) -> Started:
        return Started(
            transaction_id=said[1]["transactionInfo"]["transactionId"],
            status=answer.get("idTokenInfo", {"status": "Accepted"})["status"],
        )

    def meter_values(
        self, transaction_id: TransactionId | None, readings: Sequence[tuple[datetime, int]], *, connector: int
    ) -> Said:
        told = [meter_value_201(*one) for one in readings]
        if transaction_id is None:
            return "MeterValues", {"evseId": connector, "meterValue": told}
        at = max(reading_at for reading_at, _ in readings)
        action, payload = self._event("Updated", transaction_id, at, "MeterValuePeriodic", connector)
        return action, {**payload, "meterValue": told}

    def stop(
        self,
        transaction_id: TransactionId,
        *,
        at: datetime,
        meter_wh: int,
        reason: str,
        token: str | None,
        connector: int,
    ) -> Said:
        self._open = {number: open_id for number, open_id in self._open.items() if open_id != transaction_id}
        trigger = self._TRIGGERS.get(reason, "StopAuthorized" if token else "AbnormalCondition")
        action, payload = self._event("Ended", transaction_id, at, trigger, connector, stoppedReason=reason)
        payload["meterValue"] = [self._moment(at, meter_wh, "Transaction.End")]
        if token is not None:
            payload["idToken"] = {"idToken": token, "type": "ISO14443"}
        return action, payload

    def remote_start(self, payload: dict[str, Any]) -> RemoteStart:
        return RemoteStart(
            token=payload["idToken"]["idToken"], connector=payload.get("evseId"), number=payload["remoteStartId"]
        )

    def _moment(self, at: datetime, meter_wh: int, context: str) -> dict[str, Any]:
        value = meter_value_201(at, meter_wh, context)
        if self._meter is not None:
            signed = self._meter.signed_value(at, _MOMENTS[context], meter_wh)
            value["sampledValue"][0]["signedMeterValue"] = signed
        return value

    def _event(
        self, kind: str, transaction_id: TransactionId, at: datetime, trigger: str, connector: int, **info: Any
    ) -> Said:
        seq_no = self._seq_no.get(transaction_id, 0)
        self._seq_no[transaction_id] = seq_no + 1
        return "TransactionEvent", {
            "eventType": kind,
            "timestamp": wire_time(at),
            "triggerReason": trigger,
            "seqNo": seq_no,
            "transactionInfo": {"transactionId": transaction_id, **info},
            "evse": {"id": connector, "connectorId": 1},
        }


_MOMENTS: Final = {"Transaction.Begin": "B", "Transaction.End": "E"}
"""As OCMF writes them."""
_DIALECTS: Final[dict[str, Callable[[SigningMeter | None], Dialect]]] = {"1.6": Dialect16, "2.0.1": Dialect201}
