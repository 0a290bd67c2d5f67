"""Passwords and keys are masked wherever OCPP puts them, and nothing else is."""

import json

import pytest

from apps.stations.domain.redaction import MASK, is_secret_name, redact, redact_text


class TestAName:
    @pytest.mark.parametrize(
        "name",
        [
            "AuthorizationKey",
            "BasicAuthPassword",
            "SecurityCtrlr.BasicAuthPassword",
            "wifi_passwd",
            "APN-Password",
            "VendorSecret",
            "privateKey",
            "WLAN.PSK",
            "apiToken",
            "SimPin",
            "ftpPwd",
        ],
    )
    def test_speaks_of_a_secret(self, name):
        assert is_secret_name(name)

    @pytest.mark.parametrize(
        "name",
        [
            "HeartbeatInterval",
            "GetConfigurationMaxKeys",
            "MeterPublicKey1",
            "idToken",
            "groupIdToken",
            "issuerKeyHash",
            "LocalAuthorizeOffline",
            "StopTransactionOnInvalidId",
        ],
    )
    def test_does_not(self, name):
        assert not is_secret_name(name)


class TestAPayload:
    @pytest.mark.parametrize(
        ("payload", "masked"),
        [
            ({"key": "AuthorizationKey", "value": "x"}, {"key": "AuthorizationKey", "value": MASK}),
            (
                {"key": "A", "readonly": True, "value": "x", "more": 1},
                {"key": "A", "readonly": True, "value": "x", "more": 1},
            ),
            (
                {"key": "WifiPassword", "value": "x", "unit": "text"},
                {"key": "WifiPassword", "value": MASK, "unit": "text"},
            ),
            ({"key": "WifiPassword", "value": ""}, {"key": "WifiPassword", "value": ""}),
            ({"key": ["AuthorizationKey"]}, {"key": ["AuthorizationKey"]}),
            ({"unknownKey": ["AuthorizationKey"]}, {"unknownKey": ["AuthorizationKey"]}),
            (
                {"connectionData": {"vpn": {"key": "k", "password": "p", "server": "s"}}},
                {"connectionData": {"vpn": {"key": MASK, "password": MASK, "server": "s"}}},
            ),
            ({"location": "ftp://a:b@host/x"}, {"location": f"ftp://a:{MASK}@host/x"}),
            ({"location": "ftp://host:21/x@y"}, {"location": "ftp://host:21/x@y"}),
            ({"data": '{"password":"x","n":1}'}, {"data": f'{{"password":"{MASK}","n":1}}'}),
            (
                {"idToken": {"idToken": "04AA", "type": "ISO14443"}},
                {"idToken": {"idToken": "04AA", "type": "ISO14443"}},
            ),
        ],
    )
    def test_keeps_everything_but_its_secrets(self, payload, masked):
        assert redact(payload) == masked

    def test_hides_every_attribute_of_a_secret_variable_but_its_name(self):
        told = {
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": "BasicAuthPassword"},
            "variableAttribute": [{"type": "Actual", "value": "x", "mutability": "WriteOnly"}],
            "attributeValue": "x",
            "actualValue": 7,
        }

        masked = redact(told)

        assert (masked["component"], masked["variable"]) == (told["component"], told["variable"])
        assert masked["variableAttribute"] == [{"type": "Actual", "value": MASK, "mutability": "WriteOnly"}]
        assert (masked["attributeValue"], masked["actualValue"]) == (MASK, MASK)


class TestText:
    @pytest.mark.parametrize(
        "raw", ['[2,"a","MeterValues",{"x":1.50}]', "no json at all", "", "\ud800", '{"key":"A", "value":"1"}']
    )
    def test_without_a_secret_stays_to_the_letter(self, raw):
        assert redact_text(raw) == raw

    @pytest.mark.parametrize("kept", range(2, 18))
    def test_that_is_cut_off_anywhere_still_tells_nothing(self, kept):
        raw = '[3,"m",{"configurationKey":[{"key":"AuthorizationKey","value":"hunter2hunter2"}]}]'

        assert "hu" not in redact_text(raw[: raw.index("hunter2") + kept])

    def test_nested_deeper_than_anybody_reads_ends_without_an_error(self):
        raw = '{"password":' * 100_000 + '"hunter2"'

        assert "hunter2" not in redact_text(raw)

    def test_escaped_tells_nothing_either(self):
        raw = json.dumps([3, "m", {"configurationKey": [{"key": "Authorization\u004bey", "value": "hu\u00f1ter"}]}])

        assert "ter" not in redact_text(raw).partition("value")[2]
