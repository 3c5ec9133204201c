"""Web archives for tests, whole and damaged."""

from __future__ import annotations

import gzip


def warc_record(
    body: bytes,
    *,
    number: int = 0,
    content_type: str = "text/html; charset=utf-8",
    status: str = "200 OK",
    kind: str = "response",
    headers: str = "",
    wrong: int = 0,
) -> bytes:
    """A record whose Content-Length is ``wrong`` bytes too large."""
    if kind == "response":
        head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        body = head.encode() + body
        content_type = "application/http; msgtype=response"
    lines = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-Record-ID: <urn:uuid:{number}>",
        "WARC-Date: 2026-01-02T03:04:05Z",
        f"WARC-Target-URI: https://example.org/{number}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body) + wrong}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body + b"\r\n\r\n"


def packed(records: list[bytes]) -> bytes:
    """Records as gzip members."""
    return b"".join(gzip.compress(record, mtime=0) for record in records)
