"""OCPP 2.0.1: what a station reports of itself, part after part (NotifyReport, B07–B08)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ocpp.v201 import call_result

from apps.ocpp.handling import Request
from apps.stations import services as stations
from apps.stations.domain.operating import variable_name
from apps.stations.services import ReportedKey


def notify_reports(requests: Sequence[Request]) -> list[call_result.NotifyReport]:
    """Keep what stations report of their variables; secrets only as being set."""
    for request in requests:
        entries = list(_reported(request.call.payload.get("reportData", ())))
        if entries:
            stations.record_configuration(station_id=request.station_id, entries=entries, at=request.received_at)
    return [call_result.NotifyReport() for _ in requests]


def _reported(data: Sequence[Mapping[str, Any]]) -> Iterator[ReportedKey]:
    for item in data:
        name = variable_name(item["component"], item["variable"])
        for attribute in item["variableAttribute"]:
            if attribute.get("type", "Actual") == "Actual":
                mutability = attribute.get("mutability")
                yield ReportedKey(
                    name=name,
                    value=attribute.get("value"),
                    is_readonly=None if mutability is None else mutability == "ReadOnly",
                    is_write_only=mutability == "WriteOnly",
                )
