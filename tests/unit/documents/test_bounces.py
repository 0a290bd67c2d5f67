"""Bounces: a report names the mail, its recipient and why; whatever else comes in says nothing."""

import pytest

from apps.documents.domain.bounces import Bounce, read_bounce

REPORT = b"""\
From: MAILER-DAEMON@mx.example
To: wattledger@example.org
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
Arrival-Date: Mon, 30 Nov 2026 10:00:00 +0000

Final-Recipient: rfc822; Fleet@Example.com
Original-Recipient: rfc822;Fleet@Example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <Fleet@Example.com>: Recipient address
    rejected: User unknown

--B
Content-Type: text/rfc822-headers

From: wattledger@localhost
To: Fleet@Example.com
Message-ID: <mail-417@wattledger.example>

--B--
"""


def test_a_report_names_the_mail_its_recipient_and_the_reason():
    reason = "550 5.1.1 <Fleet@Example.com>: Recipient address rejected: User unknown"

    assert read_bounce(REPORT) == Bounce(mail_id=417, recipient="fleet@example.com", reason=reason)


def test_the_whole_mail_may_come_back_instead_of_its_head():
    whole = REPORT.replace(b"text/rfc822-headers", b"message/rfc822")

    assert read_bounce(whole) == read_bounce(REPORT)


def test_without_words_the_code_is_the_reason():
    silent = REPORT.replace(
        b"""\
Diagnostic-Code: smtp; 550 5.1.1 <Fleet@Example.com>: Recipient address
    rejected: User unknown
""",
        b"",
    )

    assert read_bounce(silent).reason == "5.1.1"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\x00 no mail at all",
        b"Subject: out of office\n\nI am away. <mail-417@wattledger.example>",
        REPORT.replace(b"Action: failed", b"Action: delayed"),
        REPORT.replace(b"<mail-417@wattledger.example>", b"<another@elsewhere.example>"),
        REPORT.replace(b"Fleet@Example.com", b""),
        REPORT.replace(b"message/delivery-status", b"text/plain"),
        REPORT[: REPORT.index(b"Message-ID")],
    ],
    ids=["nothing", "noise", "answer", "delayed", "not ours", "nobody", "no status", "cut off"],
)
def test_what_is_no_final_failure_of_a_mail_of_ours_says_nothing(raw):
    assert read_bounce(raw) is None
