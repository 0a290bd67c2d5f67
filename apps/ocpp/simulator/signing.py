"""A meter that signs what it measures: ECDSA keys and OCMF records as a calibrated meter's (docs/signed-values.md)."""

import base64
import json
import re
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class SigningMeter:
    """A meter with its key; ``pagination`` counts the records it has signed."""

    def __init__(self, *, serial: str = "M-1", curve: ec.EllipticCurve | None = None) -> None:
        self.serial, self.pagination = serial, 0
        self._key = ec.generate_private_key(curve or ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """DER, hexadecimal."""
        return self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()

    def record(self, *readings: dict[str, Any], **payload: Any) -> str:
        """Sign a record of these readings."""
        self.pagination += 1
        told = {
            "FV": "1.0",
            "GI": "WL-TEST",
            "PG": f"T{self.pagination}",
            "MS": self.serial,
            "IS": True,
            "IT": "NONE",
            "ID": "",
            "RD": list(readings),
        }
        written = json.dumps({**told, **payload}, separators=(",", ":"))
        # A meter writes 2935.600, which no Python number keeps.
        return self.sign(re.sub(r'"@([^"]*)@"', r"\1", written))

    def sign(self, payload: str) -> str:
        signature = self._key.sign(payload.encode(), ec.ECDSA(hashes.SHA256())).hex()
        told = {"SA": f"ECDSA-{self._key.curve.name}-SHA256", "SD": signature}
        return f"OCMF|{payload}|{json.dumps(told)}"

    def begin(self, at: datetime, kwh: str, **payload: Any) -> str:
        return self.record(reading(at, "B", kwh), **payload)

    def end(self, at: datetime, kwh: str, **payload: Any) -> str:
        return self.record(reading(at, "E", kwh), **payload)

    def signed_value(self, at: datetime, reason: str, energy_wh: int) -> dict[str, str]:
        """Return OCPP's signedMeterValue (2.0.1 part 2 §2.46) of the register at a charge's begin (B) or end (E)."""
        record = self.record(reading(at.astimezone(UTC), reason, f"{energy_wh // 1000}.{energy_wh % 1000:03d}"))
        return {
            "signedMeterData": _base64(record),
            "signingMethod": "",
            "encodingMethod": "OCMF",
            "publicKey": _base64(f"oca:base16:asn1:{self.public_key}"),
        }


def reading(at: datetime, reason: str, value: str, **fields: Any) -> dict[str, Any]:
    """Return a reading of the import register in kWh, ``value`` written with as many decimals as it has."""
    told = {
        "TM": f"{at:%Y-%m-%dT%H:%M:%S},000+0000 S",
        "TX": reason,
        "RV": f"@{value}@",
        "RI": "1-b:1.8.0",
        "RU": "kWh",
        "RT": "AC",
        "EF": "",
        "ST": "G",
    }
    return {**told, **fields}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
