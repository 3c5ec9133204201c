"""`mask_personal_data`."""

from __future__ import annotations

import pytest
from shared_data import read_text, shared

from ferrolm.errors import UnknownNameError
from ferrolm.text import mask_personal_data


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("Mail ann.b+c@d-e.co.uk, or <mailto:q@r.org>.", "Mail <email>, or <mailto:<email>>."),
        ("+49 (0)30 901820, (212) 555-0187; 1-800-555-0199", "<phone>, <phone>; <phone>"),
        ("from 8.8.4.4:443 and 2001:db8::7.", "from 8.8.4.4:443 and <ip>."),
        ("4111 1111 1111 1111 / 378282246310005", "<card> / <card>"),
        ("DE89370400440532013000 GB82 WEST 1234 5698 7654 32", "<iban> <iban>"),
        ("SSN: 123-45-6789.", "SSN: <ssn>."),
        ("Ünïcödé: ü@köln.de — 猫 +81 3 1234 5678", "Ünïcödé: <email> — 猫 <phone>"),
    ],
)
def test_personal_data_is_masked(text, expected):
    assert mask_personal_data(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",  # Luhn
        "DE88370400440532013000",  # the checksum
        "000-12-3456, 666-12-3456, 123-00-4567",  # never given out
        "10.0.0.1, 192.168.1.1, 127.0.0.1, ::1, fe80::1",  # private or local
        "version 1.2.3, v1.2.3.4, 1.2.3.4.5, 256.1.1.1",
        "2026-11-30 12:30:59, 1,234,567.89, 3.14159265358979",
        "std::vector a::b @user user@host #12345678",
        "ISBN 978-3-16-148410-0, DOI 10.1000/182, tel. 12345",
        "$4111111111111111 id_4111111111111111 4111111111111111_x",
        "123-456-7890",  # no exchange begins with 4 after an area that begins with 1
    ],
)
def test_what_looks_alike_stays(text):
    assert mask_personal_data(text) == text


def test_a_book_has_the_address_of_its_publisher_alone():
    text = read_text(shared("text/books/sherlock-holmes.txt"))
    expected = text.replace("(801) 596-1887", "<phone>")
    for name in ("business", "gbnewby"):
        expected = expected.replace(f"{name}@pglaf.org", "<email>")
    assert mask_personal_data(text) == expected


def test_kinds_and_placeholders_can_be_chosen():
    text = "a@b.org, 8.8.4.4"
    assert mask_personal_data(text, ["ip"]) == "a@b.org, <ip>"
    assert mask_personal_data(text, "email") == "<email>, 8.8.4.4"
    assert mask_personal_data(text, ["email"], placeholders={"email": ""}) == ", 8.8.4.4"
    assert mask_personal_data(text, []) == text
    with pytest.raises(UnknownNameError, match=r"kind 'e-mail' is not one of .*did you mean 'email'"):
        mask_personal_data(text, ["e-mail"])
    with pytest.raises(UnknownNameError, match="kind 'mail'"):
        mask_personal_data(text, placeholders={"mail": "x"})
