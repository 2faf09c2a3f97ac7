"""The message that carries a report (RFC 7489 7.2.1.1)."""

from base64 import encodebytes

from pillarbox.delivery.dmarc_reports.seen import Day
from pillarbox.delivery.trace import date
from pillarbox.filter.auth.dmarc.aggregate import compressed, file_name, report_id, subject, total, written


def letter(day: Day, to: str, *, hostname: str, now: float) -> tuple[bytes, str, int]:
    """The message, its Message-ID, and the octets that the report has in it."""
    contact = f"postmaster@{hostname}"
    id = report_id(day.domain, hostname, day.period)
    xml = written(day.rows, hostname, contact, day.period)
    packed = encodebytes(compressed(xml)).replace(b"\n", b"\r\n")
    boundary = f"=_{id}"
    messages, passed = total(day.rows)
    name = file_name(day.domain, hostname, day.period)
    message_id = f"{id}@{hostname}"
    lines = [
        # RFC 7489 7.2.1.1: it must pass DMARC itself: aligned with the name of this host.
        f"From: DMARC reports <{contact}>",
        f"To: <{to}>",
        f"Subject: {_folded(subject(day.domain, hostname, id))}",
        f"Date: {date(now)}",
        f"Message-ID: <{message_id}>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/mixed;\r\n\tboundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        f"The mail server {hostname} has seen {messages} messages that claim to be from",
        f"{day.domain}; {passed} of them passed DMARC. The attached report says where they came from.",
        "",
        f"--{boundary}",
        "Content-Type: application/gzip",
        f'Content-Disposition: attachment;\r\n\tfilename="{name}"',
        "Content-Transfer-Encoding: base64",
        "",
        "",
    ]
    raw = "\r\n".join(lines).encode() + packed + f"\r\n--{boundary}--\r\n".encode()
    return raw, message_id, len(packed)


def _folded(text: str) -> str:
    return text.replace(" Submitter:", "\r\n\tSubmitter:").replace(" Report-ID:", "\r\n\tReport-ID:")
