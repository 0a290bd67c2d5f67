"""A simulated charger's display: what it says it can show, and what it was last told to show."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

Reply: TypeAlias = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | None]]

SETTINGS_16: Final = {
    "CustomDisplayCostAndPrice": "true",
    "CustomMultiLanguageMessages": "false",
    "NumberOfConnectors": "1",
    "TimeOffset": "+00:00",
}
SETTINGS_201: Final = {
    "TariffCostCtrlr.Available[Cost]": "true",
    "TariffCostCtrlr.Enabled[Cost]": "true",
    "TariffCostCtrlr.Available[Tariff]": "true",
    "TariffCostCtrlr.Enabled[Tariff]": "true",
    "DisplayMessageCtrlr.Available": "true",
}


class SimulatedDisplay:
    """The display and the settings that tell of it.

    shown    by what it is about: "price", "user", "cost", "final"; an amount as the JSON number it came as
    replies  what is answered to requests about it, by action; 1.6 and 2.0.1 share no request but DataTransfer
    tell     hears each change, as a line
    """

    def __init__(self, protocol: str, tell: Callable[[str], None]) -> None:
        self.settings = dict(SETTINGS_16 if protocol == "1.6" else SETTINGS_201)
        self.shown: dict[str, str] = {}
        self._tell = tell
        self.replies: dict[str, Reply] = (
            {
                "ChangeConfiguration": self.on_change_configuration,
                "DataTransfer": self.on_data_transfer,
                "GetConfiguration": self.on_get_configuration,
            }
            if protocol == "1.6"
            else {
                "ClearDisplayMessage": self.on_clear_message,
                "CostUpdated": self.on_cost_updated,
                "GetVariables": self.on_get_variables,
                "SetDisplayMessage": self.on_set_message,
            }
        )

    def show(self, name: str, text: str) -> None:
        """Show something in the place of what was shown there."""
        self.shown[name] = text
        self._tell(f"{name}: {text}" if text else f"{name}: nothing")

    async def on_get_configuration(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Tell the settings asked for, all of them where none is named."""
        names = payload.get("key") or list(self.settings)
        known = [
            {"key": name, "readonly": name in SETTINGS_16, "value": self.settings[name]}
            for name in names
            if name in self.settings
        ]
        return {"configurationKey": known, "unknownKey": [name for name in names if name not in self.settings]}

    async def on_change_configuration(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Take whatever it is; a default price is shown."""
        name, value = payload["key"], payload["value"]
        self.settings[name] = value
        if name == "DefaultPrice":
            self.show("price", json.loads(value)["priceText"])
        return {"status": "Accepted"}

    async def on_data_transfer(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Show prices and costs (OCPP & California Pricing Requirements §3)."""
        if payload["vendorId"] != "org.openchargealliance.costmsg":
            return {"status": "UnknownVendorId"}
        data = json.loads(payload["data"], parse_float=str)
        match payload.get("messageId"):
            case "SetUserPrice":
                self.show("user", data["priceText"])
            case "RunningCost":
                self.show("cost", str(data["cost"]))
            case "FinalCost":
                self.show("final", data["priceText"])
            case _:
                return {"status": "UnknownMessageId"}
        return {"status": "Accepted"}

    async def on_get_variables(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Tell the variables asked for."""
        return {"getVariableResult": [self._variable(asked) for asked in payload["getVariableData"]]}

    def _variable(self, asked: dict[str, Any]) -> dict[str, Any]:
        component, variable = asked["component"], asked["variable"]
        instance = f"[{variable['instance']}]" if "instance" in variable else ""
        value = self.settings.get(f"{component['name']}.{variable['name']}{instance}")
        named = {"component": component, "variable": variable}
        if value is None:
            return {**named, "attributeStatus": "UnknownVariable"}
        return {**named, "attributeStatus": "Accepted", "attributeValue": value}

    async def on_cost_updated(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Show the cost."""
        self.show("cost", str(payload["totalCost"]))
        return {}

    async def on_set_message(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Show a message while idle; the same id again takes its place."""
        self.show("price", payload["message"]["message"]["content"])
        return {"status": "Accepted"}

    async def on_clear_message(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Show it no more."""
        was_shown = bool(self.shown.get("price"))
        self.show("price", "")
        return {"status": "Accepted" if was_shown else "Unknown"}
