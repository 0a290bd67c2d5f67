"""What happens to stations: keys and sockets, what they report of themselves, pay codes, the commands sent to them."""

from apps.stations.services.commands import (
    finish_command,
    request_command,
    request_start,
    sweep_commands,
    take_commands,
)
from apps.stations.services.configuration import ReportedKey, record_configuration
from apps.stations.services.connections import (
    Entry,
    Exit,
    Knock,
    StationLogin,
    authenticate_stations,
    connect_stations,
    disconnect_stations,
    touch_stations,
)
from apps.stations.services.keys import hash_key, new_station_key, rotate_station_key, set_station_key, sweep_keys
from apps.stations.services.local_lists import record_cache_cleared, record_local_list, send_local_list
from apps.stations.services.meter_keys import add_meter_key, adopt_meter_key, end_meter_key, report_meter_keys
from apps.stations.services.notices import Notice, ask_displays, tell_stations
from apps.stations.services.operating import ask_station
from apps.stations.services.pay_codes import add_missing_pay_codes, new_pay_code, revoke_pay_code
from apps.stations.services.reports import ConnectorStatusUpdate, record_boot, record_connector_statuses
from apps.stations.services.security_profile import CommandRefused

__all__ = [
    "CommandRefused",
    "ConnectorStatusUpdate",
    "Entry",
    "Exit",
    "Knock",
    "Notice",
    "ReportedKey",
    "StationLogin",
    "add_meter_key",
    "add_missing_pay_codes",
    "adopt_meter_key",
    "ask_displays",
    "ask_station",
    "authenticate_stations",
    "connect_stations",
    "disconnect_stations",
    "end_meter_key",
    "finish_command",
    "hash_key",
    "new_pay_code",
    "new_station_key",
    "record_boot",
    "record_cache_cleared",
    "record_configuration",
    "record_connector_statuses",
    "record_local_list",
    "report_meter_keys",
    "request_command",
    "request_start",
    "revoke_pay_code",
    "rotate_station_key",
    "send_local_list",
    "set_station_key",
    "sweep_commands",
    "sweep_keys",
    "take_commands",
    "tell_stations",
    "touch_stations",
]
