//! Numbers of cards (ISO/IEC 7812), bank accounts (ISO 13616), telephones (E.164, North America) and social security.

/// The digits from `place` on and where they end. Between two of them there may be one of `separators`.
fn digits(bytes: &[u8], place: usize, separators: &[u8], at_most: usize) -> (Vec<u8>, usize) {
    let (mut found, mut end) = (Vec::with_capacity(at_most), place);
    let mut here = place;
    while let Some(&byte) = bytes.get(here) {
        if byte.is_ascii_digit() {
            found.push(byte - b'0');
            end = here + 1;
            if found.len() > at_most {
                break;
            }
        } else if !separators.contains(&byte) || here != end || found.is_empty() {
            break;
        }
        here += 1;
    }
    (found, end)
}

/// End of the card number at `place`: 13 to 19 digits of a known issuer, in groups or not, with Luhn's check digit.
pub fn card(bytes: &[u8], place: usize) -> Option<usize> {
    let (digits, end) = digits(bytes, place, b" -", 19);
    (is_issuer(&digits) && luhn(&digits) && are_groups(bytes.get(place..end)?)).then_some(end)
}

/// Whether the first digits belong to a network of cards, and the length to that network.
fn is_issuer(digits: &[u8]) -> bool {
    let prefix = |n: usize| digits.iter().take(n).fold(0, |value, &digit| value * 10 + u32::from(digit));
    let long = (16..=19).contains(&digits.len());
    match digits.len() {
        13 | 16 | 19 if prefix(1) == 4 => true,
        16 if matches!(prefix(2), 51..=55) || matches!(prefix(4), 2221..=2720) => true,
        15 => matches!(prefix(2), 34 | 37),
        14 => matches!(prefix(2), 36 | 38 | 39) || matches!(prefix(3), 300..=305),
        _ if long => {
            matches!(prefix(2), 62 | 65)
                || prefix(4) == 6011
                || matches!(prefix(3), 644..=649)
                || matches!(prefix(4), 3528..=3589)
        }
        _ => false,
    }
}

/// One run of digits, or groups of the same separator with 4 digits or more in the first (so no telephone number).
fn are_groups(text: &[u8]) -> bool {
    let Some(separator) = text.iter().find(|byte| !byte.is_ascii_digit()) else { return true };
    let groups = text.split(|byte| byte == separator);
    let mut lengths = groups.map(|group| if group.iter().all(u8::is_ascii_digit) { group.len() } else { 0 });
    lengths.next() == Some(4) && lengths.all(|length| (2..=7).contains(&length))
}

/// Luhn's sum of digits from the right, every second doubled, is a multiple of ten.
fn luhn(digits: &[u8]) -> bool {
    let value = |(index, &digit): (usize, &u8)| {
        let value = u32::from(digit) << (index & 1);
        if value > 9 { value - 9 } else { value }
    };
    digits.iter().rev().enumerate().map(value).sum::<u32>().is_multiple_of(10)
}

/// Countries that have IBANs, and how many characters theirs have.
const IBAN_LENGTHS: &[u8] = b"AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27GB22GE22GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MR27MT31MU30NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22SA24SC31SD18SE24SI19SK24SM27ST25SV28TL23TN24TR26UA29VA22VG24XK20";

/// End of the IBAN at `place`, in groups of four or not, with its checksum.
pub fn iban(bytes: &[u8], place: usize) -> Option<usize> {
    let country = bytes.get(place..place + 2)?;
    let entry = IBAN_LENGTHS.as_chunks::<4>().0.iter().find(|entry| entry[..2] == *country)?;
    let length = usize::from(entry[2] - b'0') * 10 + usize::from(entry[3] - b'0');
    let (mut remainder, mut head, mut count, mut here) = (0, 0, 0, place);
    let spaced = bytes.get(place + 4) == Some(&b' ');
    while count < length {
        let byte = *bytes.get(here)?;
        here += 1;
        if spaced && count > 0 && count % 4 == 0 && byte == b' ' && bytes.get(here - 2) != Some(&b' ') {
            continue;
        }
        // The first four characters come last in the number that is divided by 97.
        let target = if count < 4 { &mut head } else { &mut remainder };
        *target = match byte {
            b'0'..=b'9' => *target * 10 + u64::from(byte - b'0'),
            b'A'..=b'Z' if !(2..4).contains(&count) => *target * 100 + u64::from(byte - b'A') + 10,
            _ => return None,
        };
        remainder %= 97;
        count += 1;
    }
    // Two letters and two digits are a number of six digits.
    ((remainder * 1_000_000 + head) % 97 == 1).then_some(here)
}

/// End of the US social security number at `place`: three groups with hyphens, none of those never given out.
pub fn ssn(bytes: &[u8], place: usize) -> Option<usize> {
    let text = bytes.get(place..place + 11)?;
    let fits = text.iter().enumerate().all(|(index, byte)| match index {
        3 | 6 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let invalid = matches!(&text[..3], b"000" | b"666") || text[0] == b'9';
    (fits && !invalid && &text[4..6] != b"00" && &text[7..] != b"0000").then_some(place + 11)
}

/// End of the telephone number at `place`: `+` and 8 to 15 digits in groups, or a number of North America with
/// separators.
pub fn phone(bytes: &[u8], place: usize) -> Option<usize> {
    if bytes.get(place) == Some(&b'+') { international(bytes, place) } else { north_american(bytes, place) }
}

fn international(bytes: &[u8], place: usize) -> Option<usize> {
    let (mut count, mut here, mut end, mut open) = (0, place + 1, place, false);
    let mut separators = 1; // a digit has to follow the sign
    while let Some(&byte) = bytes.get(here) {
        match byte {
            b'0'..=b'9' if count < 15 => (count, separators, end) = (count + 1, 0, here + 1),
            b'0'..=b'9' => return None,
            b' ' | b'-' | b'.' | b'/' if separators == 0 => separators = 1,
            b'(' if !open && count > 0 => (open, separators) = (true, 1),
            b')' if open && separators == 0 => open = false,
            _ => break,
        }
        here += 1;
    }
    let first = bytes.get(place + 1).is_some_and(|byte| matches!(byte, b'1'..=b'9'));
    (first && !open && count >= 8).then_some(end)
}

/// `(212) 555-0187`, `212-555-0187`, `212.555.0187`, `1-212-555-0187`.
fn north_american(bytes: &[u8], place: usize) -> Option<usize> {
    let mut here = place;
    if bytes.get(here) == Some(&b'1') && matches!(bytes.get(here + 1), Some(b'-' | b'.' | b' ')) {
        here += 2;
    }
    let open = bytes.get(here) == Some(&b'(');
    here += usize::from(open);
    here = group(bytes, here, 3)?;
    let separator = *bytes.get(here + usize::from(open))?;
    if open {
        if bytes.get(here) != Some(&b')') {
            return None;
        }
        here += 1 + usize::from(separator == b' ');
    } else {
        // Spaces alone also separate the numbers of a table.
        if !matches!(separator, b'-' | b'.') {
            return None;
        }
        here += 1;
    }
    here = group(bytes, here, 3)?;
    let second = *bytes.get(here)?;
    if !(second == b'-' || (second == separator) || (open && second == b'.')) || second.is_ascii_digit() {
        return None;
    }
    let end = here + 5;
    let last = bytes.get(here + 1..end)?;
    last.iter().all(u8::is_ascii_digit).then_some(end)
}

/// End of `length` digits at `place` that begin with 2 to 9, as areas and exchanges do.
fn group(bytes: &[u8], place: usize, length: usize) -> Option<usize> {
    let group = bytes.get(place..place + length)?;
    (group.iter().all(u8::is_ascii_digit) && group[0] >= b'2').then_some(place + length)
}

#[cfg(test)]
mod tests {
    use crate::personal::{Kind, find};

    fn all(text: &str, kind: Kind) -> Vec<&str> {
        find(text, &[kind]).into_iter().map(|found| &text[found.range]).collect()
    }

    #[test]
    fn cards_have_a_check_digit() {
        for (text, expected) in [
            ("4111 1111 1111 1111, 5555-5555-5555-4444.", vec!["4111 1111 1111 1111", "5555-5555-5555-4444"]),
            ("378282246310005 or 3782 822463 10005", vec!["378282246310005", "3782 822463 10005"]),
            ("4111 1111 1111 1112 4111111111111112", vec![]),
            ("order 0000000000000000, 1234567890123452", vec![]),
            ("41111111111111111111 id-4111111111111111 4111-1111 1111-1111", vec![]),
        ] {
            assert_eq!(all(text, Kind::Card), expected, "{text}");
        }
    }

    #[test]
    fn accounts_have_a_checksum() {
        for (text, expected) in [
            ("DE89 3704 0044 0532 0130 00.", vec!["DE89 3704 0044 0532 0130 00"]),
            ("IBAN:GB82WEST12345698765432", vec!["GB82WEST12345698765432"]),
            (
                "NO9386011117947 and FR1420041010050500013M02606",
                vec!["NO9386011117947", "FR1420041010050500013M02606"],
            ),
            ("DE88370400440532013000 XX89370400440532013000 DE89", vec![]),
            ("DE893704004405320130001", vec![]),
        ] {
            assert_eq!(all(text, Kind::Iban), expected, "{text}");
        }
    }

    #[test]
    fn social_security_numbers_follow_their_rules() {
        assert_eq!(all("SSN 123-45-6789; 001-01-0001.", Kind::Ssn), ["123-45-6789", "001-01-0001"]);
        let none =
            "000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000 123-45-67890 1123-45-6789 123456789";
        assert_eq!(all(none, Kind::Ssn), Vec::<&str>::new());
    }

    #[test]
    fn telephone_numbers_are_found() {
        for (text, expected) in [
            ("call +49 (0)30 901820 or tel:+1-212-555-0187", vec!["+49 (0)30 901820", "+1-212-555-0187"]),
            (
                "(212) 555-0187, 212-555-0187, 212.555.0187, 1-800-555-0199",
                vec!["(212) 555-0187", "212-555-0187", "212.555.0187", "1-800-555-0199"],
            ),
            ("2 + 3456, +5, x+12345678, 12-34-56, 123-456-7890, 2026-11-30", vec![]),
            ("212-555-01871 2.212.555.0187 212 555 0187", vec![]),
        ] {
            assert_eq!(all(text, Kind::Phone), expected, "{text}");
        }
    }
}
