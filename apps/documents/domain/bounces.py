"""Bounces: what a mail server reports later of a mail that it could not deliver (RFC 3464)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message
from typing import Any, Final

MOST_BYTES: Final = 1_048_576
_OURS: Final = re.compile(r"<mail-(\d{1,18})@[^>\s]+>")
_ADDRESS: Final = re.compile(r"[^\s;<>]+@[^\s;<>]+")


@dataclass(frozen=True, slots=True)
class Bounce:
    """One mail of ours did not reach one address, finally.

    mail_id  of our Message-ID in the report · reason  in the mail server's words, with its code, at most 300 characters
    """

    mail_id: int
    recipient: str
    reason: str


def read_bounce(raw: bytes) -> Bounce | None:
    """Return what a message reports; None where it reports no final failure of a mail of ours.

    ``Action: delayed`` is no failure yet; answers out of office and other people's mail are nothing at all.
    """
    message = message_from_bytes(raw[:MOST_BYTES], policy=policy.compat32)
    if message.get_content_type() != "multipart/report":
        return None
    mail_id = _mail_of(message)
    for fields in _recipients(message):
        action = str(fields.get("Action", "")).strip().lower()
        address = _ADDRESS.search(str(fields.get("Original-Recipient") or fields.get("Final-Recipient") or ""))
        if action == "failed" and address is not None and mail_id is not None:
            return Bounce(mail_id, address.group().lower(), _reason(fields))
    return None


def _recipients(message: Message) -> Iterator[Message]:
    """Yield the report's blocks of a recipient each; the first block is of the message as a whole."""
    for part in message.walk():
        if part.get_content_type() == "message/delivery-status":
            blocks: Any = part.get_payload()
            yield from blocks[1:] if isinstance(blocks, list) else ()


def _mail_of(message: Message) -> int | None:
    """Return the number in the Message-ID of the mail that came back, whole or its head alone."""
    for part in message.walk():
        if part.get_content_type() == "message/rfc822":
            inner: Any = part.get_payload()
            found = _OURS.search(str(inner[0].get("Message-ID", ""))) if isinstance(inner, list) and inner else None
        elif part.get_content_type() == "text/rfc822-headers":
            found = _OURS.search(str(part.get_payload()))
        else:
            continue
        if found:
            return int(found[1])
    return None


def _reason(fields: Message) -> str:
    status, told = str(fields.get("Status", "")), str(fields.get("Diagnostic-Code", ""))
    words = " ".join(re.sub(r"^\s*smtp\s*;", "", told, flags=re.IGNORECASE).split())
    return (words if status and status in words else f"{status} {words}".strip())[:300] or "no reason was given"
