"""Check signatures of meters; the only module that knows the library that does (pyocmf).

The library checks ECDSA signatures of OCMF records. RSA, and a curve it has no name for, come out as "not verifiable",
never as a refusal of somebody's meter. What a record states is read by our own reader (``domain.ocmf``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from apps.sessions.domain.ocmf import NotOcmf, OcmfRecord, read_ocmf, unwrap
from apps.sessions.domain.signed import Encoding, SignatureVerdict, SignedFormat, Verdict

_REVISION = 1
"""Of this module: raised when the same record and keys may get another verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """der: SubjectPublicKeyInfo, hexadecimal · name: what people call it."""

    id: int
    der: str
    name: str


@cache
def engine() -> str:
    """Name what decides, so that a verdict can be told from one of another version."""
    return f"wattledger {_REVISION}, pyocmf {version('pyocmf')}"


def check_record(*, raw: bytes, encoding: Encoding, format: SignedFormat, keys: Sequence[Key]) -> SignatureVerdict:  # noqa: A002
    """Verify a signed record with the meter's keys, of which one suffices. Never raises."""
    if format is not SignedFormat.OCMF:
        return SignatureVerdict(
            verdict=Verdict.UNKNOWN_FORMAT,
            reason=f"The record's format ({format}) cannot be verified here; the transparency software may know it.",
        )
    try:
        record = read_ocmf(unwrap(raw, encoding))
    except NotOcmf as error:
        return SignatureVerdict(verdict=Verdict.NOT_VERIFIABLE, reason=str(error))
    except ValueError:
        return SignatureVerdict(verdict=Verdict.NOT_VERIFIABLE, reason=f"The record is no {encoding}.")
    if not keys:
        return SignatureVerdict(
            verdict=Verdict.NO_KEY, reason="No key of this meter is known.", statement=record.statement
        )
    tried = [_check(record, key) for key in keys]
    for verdict in (Verdict.VERIFIED, Verdict.REFUSED):
        found = next((one for one in tried if one.verdict is verdict), None)
        if found is not None:
            return found
    return tried[0]


def _check(record: OcmfRecord, key: Key) -> SignatureVerdict:
    # Takes most of a second to import, which only those wait for who verify something.
    from pyocmf.crypto.verification import verify_signature
    from pyocmf.enums.crypto import SignatureEncodingType, SignatureMethod
    from pyocmf.exceptions import PyOCMFError
    from pyocmf.models.public_key import PublicKey

    def verdict(verdict: Verdict, reason: str) -> SignatureVerdict:
        key_id = key.id if verdict is Verdict.VERIFIED else None
        return SignatureVerdict(verdict=verdict, reason=reason, key_id=key_id, statement=record.statement)

    told = record.signature
    try:
        # The format has a name for the curve of 256 bit that the library has for no key.
        named = str(told.get("SA", SignatureMethod.SECP256R1_SHA256)).replace("brainpool256", "brainpoolP256")
        method = SignatureMethod(named)
        encoding = SignatureEncodingType(told.get("SE", SignatureEncodingType.HEX))
    except ValueError:
        return verdict(Verdict.NOT_VERIFIABLE, f"The signature's method ({told.get('SA')}) is not known here.")
    if not isinstance(told.get("SD"), str):
        return verdict(Verdict.REFUSED, "The record holds no signature.")
    try:
        if not PublicKey.from_string(key.der).matches_signature_algorithm(method):
            return verdict(Verdict.REFUSED, f"The signature is not of the kind of the meter's key {key.name}.")
        is_right = verify_signature(record.payload, told["SD"], method, encoding, key.der)
    except (PyOCMFError, ValueError) as error:
        return verdict(Verdict.NOT_VERIFIABLE, f"The signature cannot be checked: {str(error)[:150]}")
    if not is_right:
        return verdict(Verdict.REFUSED, f"The signature is not the meter's: key {key.name} did not make it.")
    return verdict(Verdict.VERIFIED, f"Signed by the meter's key {key.name}.")
