"""Personal data in text, found by its form and its checksums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ferrolm import _rust
from ferrolm.errors import UnknownNameError, nearest

__all__ = ["PERSONAL_DATA", "mask_personal_data"]

PERSONAL_DATA = ("email", "phone", "ip", "card", "iban", "ssn")
"""The kinds of personal data that are known."""


def mask_personal_data(
    text: str,
    kinds: Iterable[str] = PERSONAL_DATA,
    *,
    placeholders: Mapping[str, str] | None = None,
) -> str:
    """Replace what tells who somebody is, or can be abused, by place-holders.

    Precision comes before recall: what could as well be something else stays. Names and postal addresses, which have no
    form of their own, are not looked for. The time is linear in the text, whatever it is.

    Args:
        text: the text; a lone surrogate becomes U+FFFD in a text in which something is replaced.
        kinds: some of

            - ``"email"``: addresses of mail (RFC 5321, without quotes);
            - ``"phone"``: telephone numbers with ``+`` and 8 to 15 digits in groups (E.164), and those of North
              America that are written with hyphens, stops or brackets;
            - ``"ip"``: addresses of version 4 and 6, but private, local and unspecified ones;
            - ``"card"``: payment cards, 13 to 19 digits of a known network with Luhn's check digit;
            - ``"iban"``: bank accounts in capitals, of the length of their country and with the checksum of ISO 13616;
            - ``"ssn"``: social security numbers of the United States with hyphens, without those never given out.
        placeholders: what stands for a kind, by default its name in angle brackets, ``<email>``.

    Raises:
        UnknownNameError: a kind that is not known.

    >>> mask_personal_data("Mail ann@example.org or call +49 30 901820; IBAN DE89 3704 0044 0532 0130 00.")
    'Mail <email> or call <phone>; IBAN <iban>.'
    >>> mask_personal_data("4111 1111 1111 1111 from 8.8.4.4", ["card"], placeholders={"card": "XXXX"})
    'XXXX from 8.8.4.4'
    """
    asked = [kinds] if isinstance(kinds, str) else list(kinds)
    for kind in [*asked, *(placeholders or {})]:
        if kind not in PERSONAL_DATA:
            hint = nearest(kind, PERSONAL_DATA)
            raise UnknownNameError(f"kind {kind!r} is not one of {', '.join(PERSONAL_DATA)}{hint}")
    holders = {**{kind: f"<{kind}>" for kind in PERSONAL_DATA}, **(placeholders or {})}
    masked = _rust.mask_personal_data(text, [(kind, holders[kind]) for kind in asked])
    return text if masked is None else masked
