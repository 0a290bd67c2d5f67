"""Public keys of meters, in the spellings they come in: on a label, in a data sheet, from a station.

A key is kept as DER (SubjectPublicKeyInfo), hexadecimal. Read are hexadecimal and base64 with blanks anywhere, PEM, a
bare point of a curve of 256 bit (SEC 1, with or without its prefix), and OCA's envelope ``oca:base16:asn1:…``, itself
in base64 (OCA, "Signed Meter Values in OCPP").
"""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

MAX_CHARS: Final = 2_500
_PEM: Final = re.compile(r"-----BEGIN PUBLIC KEY-----(.*)-----END PUBLIC KEY-----", re.DOTALL)
_HEX: Final = re.compile(r"([0-9A-Fa-f]{2})+")
_POINT_CURVES: Final = (ec.SECP256R1, ec.SECP256K1, ec.BrainpoolP256R1)
"""A point lies on one of them; that it lies on another by chance has a probability of about 2⁻¹²⁸."""
_UNCOMPRESSED: Final = b"\x04"


class UnreadableKey(ValueError):
    """The text holds no public key; the message says so in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """der: SubjectPublicKeyInfo, lower-case hexadecimal · algorithm: curve's name, or "RSA", or "?" · fingerprint:
    SHA-256 of the DER, hexadecimal."""

    der: str
    algorithm: str
    fingerprint: str


def read_public_key(text: str) -> PublicKey:
    """Read a public key.

    :raises UnreadableKey: it is none, or in a spelling that is not known here
    """
    if len(text) > MAX_CHARS:
        raise UnreadableKey(f"A public key has at most {MAX_CHARS} characters.")
    for data in _readings(text.strip()):
        key = _from_der(data) or _from_point(data)
        if key is not None:
            return key
    raise UnreadableKey("This is no public key in hexadecimal, base64 or PEM.")


def _readings(text: str, *, depth: int = 2) -> Iterator[bytes]:
    """Yield the bytes that a text may stand for; base64 may hold an envelope or hexadecimal digits again."""
    if pem := _PEM.search(text):
        text = pem.group(1)
    if text.startswith("oca:"):
        text = text.rpartition(":")[2]
    text = "".join(text.split())
    if _HEX.fullmatch(text):
        yield bytes.fromhex(text)
        return
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return
    yield data
    if depth and data.isascii():
        yield from _readings(data.decode(), depth=depth - 1)


def _from_der(data: bytes) -> PublicKey | None:
    # What neither OpenSSL nor we can load is still a key, if it has the shape: pyocmf knows a curve more.
    try:
        key = load_der_public_key(data)
    except UnsupportedAlgorithm:
        return _public_key(data, "?")
    except ValueError:
        return None
    return _public_key(data, key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else _kind(key))


def _kind(key: object) -> str:
    return type(key).__name__.removeprefix("_").removesuffix("PublicKey").upper()


def _from_point(data: bytes) -> PublicKey | None:
    encoded = _UNCOMPRESSED + data if len(data) == 64 else data
    if len(encoded) != 65:
        # A compressed point lies on every second curve: it does not say on which.
        return None
    for curve in _POINT_CURVES:
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(curve(), encoded)
        except ValueError:
            continue
        return _public_key(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), curve.name)
    return None


def _public_key(der: bytes, algorithm: str) -> PublicKey:
    return PublicKey(der=der.hex(), algorithm=algorithm, fingerprint=sha256(der).hexdigest())
