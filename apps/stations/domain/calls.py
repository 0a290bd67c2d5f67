"""What a station is asked for in the day's work, written as its version of OCPP has it: action and payload.

Whoever lets a charge happen says what it wants; only here stands how each version is told.
"""

from typing import Final, TypeAlias

StationCall: TypeAlias = tuple[str, dict[str, object]]
"""(action, payload)."""

START_ACTIONS: Final = ("RemoteStartTransaction", "RequestStartTransaction")
STOP_ACTIONS: Final = ("RemoteStopTransaction", "RequestStopTransaction")
PROTOCOL_201: Final = "2.0.1"


def start_call(protocol: str, *, evse_number: int, token: str, remote_start_id: int) -> StationCall:
    """Ask for a start with ``token`` on an EVSE (OCPP 1.6 §5.11, 2.0.1 F01).

    remote_start_id  1 … 2³¹−1; a 2.0.1 station repeats it in its transaction, which may name no token
    """
    if protocol != PROTOCOL_201:
        return "RemoteStartTransaction", {"connectorId": evse_number, "idTag": token}
    id_token = {"idToken": token, "type": "Central"}
    return "RequestStartTransaction", {
        "evseId": evse_number,
        "idToken": id_token,
        "remoteStartId": remote_start_id,
    }


def stop_call(*, transaction_id: int, transaction_ref: str | None) -> StationCall:
    """Ask for the stop of a transaction (OCPP 1.6 §5.12, 2.0.1 F03).

    transaction_ref  the station's own name of it, which only 2.0.1 has; None: ``transaction_id`` is the name
    """
    if transaction_ref is None:
        return "RemoteStopTransaction", {"transactionId": transaction_id}
    return "RequestStopTransaction", {"transactionId": transaction_ref}


def unlock_call(protocol: str, *, evse_number: int, connector_number: int = 1) -> StationCall:
    """Ask that a cable be let go (OCPP 1.6 §5.18, 2.0.1 F05)."""
    if protocol != PROTOCOL_201:
        return "UnlockConnector", {"connectorId": evse_number}
    return "UnlockConnector", {"evseId": evse_number, "connectorId": connector_number}


def key_call(protocol: str, *, key: str) -> StationCall:
    """Ask a station to show another key from now on (security whitepaper A01, OCPP 2.0.1 A01).

    key  40 hexadecimal digits, as 1.6's AuthorizationKey is written and 2.0.1's BasicAuthPassword may be
    """
    if protocol != PROTOCOL_201:
        return "ChangeConfiguration", {"key": "AuthorizationKey", "value": key}
    variable = {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
        "attributeValue": key,
    }
    return "SetVariables", {"setVariableData": [variable]}
