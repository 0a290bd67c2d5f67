"""Which EVSEs and connectors a station has, by its own settings: 1.6 counts them, 2.0.1 names each.

A suggestion for its owner: how strong a connector is stands on its plate.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

MOST: Final = 64
"""More than any station has; a number beyond is a mistake."""
_KINDS: Final = {"cCCS2": "ccs2", "cG105": "chademo", "cType2": "type2", "sType2": "type2"}
"""OCPP 2.0.1 part 2, ConnectorEnumType."""
_PLACE: Final = re.compile(r"(?:EVSE|Connector)(?:\[[^\]]*\])?@(\d{1,3})(?::(\d{1,3}))?\.(.+)", re.ASCII)


class ReportedConnector(NamedTuple):
    """kind: as ``Connector.kind``; "": the station did not say, or a kind that is not known here."""

    evse: int
    connector: int
    kind: str


def reported_connectors(settings: Mapping[str, str]) -> tuple[ReportedConnector, ...]:
    """Return what a station's settings tell, ascending; empty: they tell nothing.

    settings  name → value: ``NumberOfConnectors`` (OCPP 1.6 §9.1.20), or ``Component@evse:connector.Variable``
              (2.0.1 part 2 appendix 3: EVSE, Connector)
    """
    count = settings.get("NumberOfConnectors", "")
    if re.fullmatch(r"[0-9]{1,3}", count, re.ASCII):
        # In 1.6 each connectorId is an EVSE with one connector; 0 is the station itself.
        return tuple(ReportedConnector(evse, 1, "") for evse in range(1, min(int(count), MOST) + 1))
    kinds: dict[tuple[int, int], str] = {}
    evses: set[int] = set()
    for name, value in settings.items():
        place = _PLACE.fullmatch(name)
        if place is None or not 1 <= int(place[1]) <= MOST:
            continue
        evses.add(int(place[1]))
        if place[2] is not None and 1 <= int(place[2]) <= MOST:
            key = (int(place[1]), int(place[2]))
            is_kind = place[3].partition("[")[0] in ("ConnectorType", "Type")
            kinds[key] = _KINDS.get(value, "") if is_kind else kinds.get(key, "")
    for evse in evses - {evse for evse, _ in kinds}:
        kinds[evse, 1] = ""
    return tuple(ReportedConnector(evse, connector, kind) for (evse, connector), kind in sorted(kinds.items()))
