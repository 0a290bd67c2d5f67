"""Mask what nobody may read back: passwords and keys in what stations say of themselves and are told.

Works on decoded OCPP payloads and on raw text. What is masked: the value beside a configuration key or variable whose
name speaks of a secret (OCPP 1.6 §7.29 KeyValue; 2.0.1 GetVariableResult, SetVariableData, ReportData), the value of
any field so named, a password inside an address, and all of that in JSON within a text. Public keys are no secrets.
"""

import json
import re
from typing import Any, Final

MASK: Final = "•••"

_SECRET: Final = re.compile(
    r"passw|passphrase|passcode|pwd|basicauth|secret|credential|(?<!public)key(?!s|hash)|(?<!id)token|simpin|pincode|psk"
)
_NOT_OF_A_NAME: Final = re.compile(r"[^a-z0-9]")
_ADDRESS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^/\s:@\"]*):([^@/\s\"]+)@")
_VALUE_NAMES: Final = frozenset({"value", "attributeValue", "actualValue"})
# OCPP 1.6: such lists name configuration keys; the names themselves are no secrets.
_LISTS_OF_NAMES: Final = frozenset({"key", "unknownKey", "configurationKey"})
_LOOSE_VALUE: Final = re.compile(
    r'("(?:[A-Za-z]*[Vv]alue|[A-Za-z]*[Pp]assword)"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|\Z)', re.DOTALL
)


def is_secret_name(name: str) -> bool:
    """Say whether a configuration key, variable or field of this name holds something that must not be read back."""
    return _SECRET.search(_NOT_OF_A_NAME.sub("", name.lower())) is not None


def redact(value: Any) -> Any:
    """Return decoded JSON with its secrets masked; what holds none comes back equal."""
    if isinstance(value, dict):
        return _redact_object(value)
    if isinstance(value, list):
        return [redact(item) for item in value]
    return _redact_text(value) if isinstance(value, str) else value


def redact_text(raw: str) -> str:
    """Return a frame's text with its secrets masked; without any it comes back to the letter."""
    if not _may_hold_secret(raw):
        return raw
    try:
        value = json.loads(raw)
        masked = redact(value)
    except (ValueError, RecursionError):
        # No JSON, so nobody knows what belongs to which name: every value in it is masked.
        return _ADDRESS.sub(rf"\1:{MASK}@", _LOOSE_VALUE.sub(rf'\1"{MASK}"', raw))
    return raw if masked == value else json.dumps(masked, separators=(",", ":"), ensure_ascii=False)


def _may_hold_secret(raw: str) -> bool:
    return _SECRET.search(_NOT_OF_A_NAME.sub("", raw.lower())) is not None or "@" in raw


def _redact_object(value: dict[str, Any]) -> dict[str, Any]:
    if _names_secret(value):
        return {
            key: item if key in ("component", "variable", "key") else _hide_values(key, item)
            for key, item in value.items()
        }
    is_key_value = _is_key_value(value)
    return {
        key: _hide(item)
        if is_secret_name(key) and not (is_key_value and key == "key") and not _is_list_of_names(key, item)
        else redact(item)
        for key, item in value.items()
    }


def _names_secret(value: dict[str, Any]) -> bool:
    variable = value.get("variable")
    name = variable.get("name") if isinstance(variable, dict) else None
    if name is None and _is_key_value(value):
        name = value.get("key")
    return isinstance(name, str) and is_secret_name(name)


def _is_key_value(value: dict[str, Any]) -> bool:
    """Say whether ``key`` in it is a configuration key's name, not a key (as in 2.0.1's VPNType)."""
    return "value" in value or value.keys() <= {"key", "readonly"}


def _is_list_of_names(key: str, item: Any) -> bool:
    return key in _LISTS_OF_NAMES and isinstance(item, list)


def _hide_values(key: str, item: Any) -> Any:
    """Hide what stands as a value anywhere in the description of a secret variable."""
    if key in _VALUE_NAMES:
        return _hide(item)
    if isinstance(item, dict):
        return {name: _hide_values(name, part) for name, part in item.items()}
    if isinstance(item, list):
        return [_hide_values(key, part) for part in item]
    return item


def _hide(item: Any) -> Any:
    """Mask every text and number; an empty text stays, for it says that nothing is set."""
    if isinstance(item, dict):
        return {key: _hide(part) for key, part in item.items()}
    if isinstance(item, list):
        return [_hide(part) for part in item]
    return item if item is None or isinstance(item, bool) or item == "" else MASK


def _redact_text(text: str) -> str:
    if text[:1] in ("{", "[") and _may_hold_secret(text):
        return redact_text(text)
    return _ADDRESS.sub(rf"\1:{MASK}@", text) if "@" in text else text
