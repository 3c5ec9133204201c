//! Addresses of mail (RFC 5321, the form without quotes) and of machines.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// RFC 5321, section 4.5.3.1.
const LONGEST_LOCAL: usize = 64;
const LONGEST_DOMAIN: usize = 255;

/// The e-mail address around the `@` at `place`; it begins at `from` or after.
pub fn email(text: &str, place: usize, from: usize) -> Option<Range<usize>> {
    let start = local_part(text.get(from..place)?)?;
    let domain = domain(text.get(place + 1..)?)?;
    Some(place - start..place + 1 + domain)
}

/// Length of the local part that ends `before`, in bytes.
fn local_part(before: &str) -> Option<usize> {
    let part = |c: &char| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~-.".contains(*c);
    let length: usize =
        before.chars().rev().take(LONGEST_LOCAL + 1).take_while(part).map(char::len_utf8).sum();
    let start = before.len() - length;
    if before.get(..start)?.ends_with('@') {
        return None;
    }
    // Marks that seldom begin an address often stand before one: quotes, brackets, lists, `mailto=`.
    let local = before.get(start..)?;
    let local = local.rsplit(['=', '|', '/', '`', '{', '}', '\'', '*', '&', '?', '!', '$']).next()?;
    let local = local.trim_start_matches(['.', '-', '~', '^', '#', '%']);
    let fits = !local.is_empty() && !local.ends_with('.') && !local.contains("..");
    (fits && local.chars().count() <= LONGEST_LOCAL).then_some(local.len())
}

/// Length of the domain that `after` begins with, in bytes: labels and a top level of letters.
fn domain(after: &str) -> Option<usize> {
    let part = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '.');
    let taken = after.chars().take(LONGEST_DOMAIN + 1).take_while(part);
    let length: usize = taken.map(char::len_utf8).sum();
    let domain = after.get(..length)?.trim_end_matches(['.', '-']);
    let fits = |label: &str| {
        !label.is_empty() && label.len() < 64 && !label.starts_with('-') && !label.ends_with('-')
    };
    let (rest, top) = domain.rsplit_once('.')?;
    let letters = top.chars().count() >= 2 && top.chars().all(char::is_alphabetic);
    (letters && domain.len() <= LONGEST_DOMAIN && rest.split('.').all(fits)).then_some(domain.len())
}

/// End of the IP v4 address at `place`, without those that name no machine of the internet.
pub fn ip_v4(bytes: &[u8], place: usize) -> Option<usize> {
    let length =
        bytes.get(place..)?.iter().take(16).take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    let text = str::from_utf8(bytes.get(place..place + length)?).ok()?;
    let text = text.trim_end_matches('.');
    let address: Ipv4Addr = text.parse().ok()?;
    let public = !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.octets()[0] == 0);
    public.then_some(place + text.len())
}

/// End of the IP v6 address at `place`, likewise.
pub fn ip_v6(bytes: &[u8], place: usize) -> Option<usize> {
    let part = |b: &&u8| b.is_ascii_hexdigit() || matches!(**b, b':' | b'.');
    let length = bytes.get(place..)?.iter().take(46).take_while(part).count();
    let text = str::from_utf8(bytes.get(place..place + length)?).ok()?.trim_end_matches('.');
    // `a::b` is a name of C++ or Rust more often than an address.
    if text.bytes().filter(|&b| b == b':').count() < 3 || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let text = if text.ends_with("::") { text } else { text.trim_end_matches(':') };
    let address: Ipv6Addr = text.parse().ok()?;
    let public = !(address.is_loopback()
        || address.is_unspecified()
        || matches!(address.segments()[0] & 0xffc0, 0xfe80 | 0xfc00..=0xfdc0));
    public.then_some(place + text.len())
}

#[cfg(test)]
mod tests {
    use crate::personal::{Kind, find};

    fn all(text: &str, kind: Kind) -> Vec<&str> {
        find(text, &[kind]).into_iter().map(|found| &text[found.range]).collect()
    }

    #[test]
    fn email_addresses_are_found() {
        for (text, expected) in [
            ("Write to ann.b+c@d-e.co.uk!", vec!["ann.b+c@d-e.co.uk"]),
            ("<mailto:x@y.org>, 'q@r.de'.", vec!["x@y.org", "q@r.de"]),
            ("müller@köln.example und 用户@例子.公司", vec!["müller@köln.example", "用户@例子.公司"]),
            ("to=a@b.cc|c@d.ee", vec!["a@b.cc", "c@d.ee"]),
            ("user@host a..b@c.de x@y.z1 @a.bc a@b.c", vec![]),
            ("a@-b.de a@b..de a.@b.de", vec![]),
            ("a@b.de@c.de", vec![]),
        ] {
            assert_eq!(all(text, Kind::Email), expected, "{text}");
        }
        assert!(all(&format!("{}@b.de", "a".repeat(65)), Kind::Email).is_empty());
    }

    #[test]
    fn addresses_of_machines_are_found() {
        for (text, expected) in [
            ("from 8.8.4.4, and [2001:db8::7].", vec!["8.8.4.4", "2001:db8::7"]),
            ("at 203.0.113.9:8080 and 1.2.3.4.", vec!["1.2.3.4"]),
            ("127.0.0.1 10.1.2.3 192.168.0.1 0.0.0.0 ::1 fe80::1:2 fd00::1:2", vec![]),
            ("1.2.3 1.2.3.4.5 256.1.1.1 v1.2.3.4 01.2.3.4", vec![]),
            ("std::vec 10:30:59 a::b::c 12:34:56:78", vec![]),
            ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", vec!["2001:0db8:85a3:0000:0000:8a2e:0370:7334"]),
            ("::ffff:8.8.8.8 is mapped", vec!["::ffff:8.8.8.8"]),
        ] {
            assert_eq!(all(text, Kind::Ip), expected, "{text}");
        }
    }
}
