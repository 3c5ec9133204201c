//! Documents that lie one after the other in one buffer, as in an Arrow array or a mapped file.

use memchr::memmem;

use crate::error::{Result, TokenizerError};

/// The texts between the bounds `offsets[i]..offsets[i + 1]` of `data`.
///
/// # Errors
/// Offsets that descend or leave the data; data that is not UTF-8, or bounds within a character.
pub fn between<'a>(data: &'a [u8], offsets: &[i64]) -> Result<Vec<&'a str>> {
    let bound = |index: usize| {
        let offset = offsets[index];
        usize::try_from(offset).ok().filter(|&at| at <= data.len()).ok_or_else(|| {
            let message = format!("offsets[{index}] is {offset}, outside of {} bytes of data", data.len());
            TokenizerError::argument("offsets", message)
        })
    };
    let Some(last) = offsets.len().checked_sub(1) else { return Ok(Vec::new()) };
    let (start, end) = (bound(0)?, bound(last)?);
    // One check of all of the text is faster than one for each.
    let text = utf8(data.get(start..end).unwrap_or_default(), start)?;
    (0..last)
        .map(|index| {
            let (from, to) = (bound(index)?, bound(index + 1)?);
            let inside = from.checked_sub(start).zip(to.checked_sub(start));
            // `get` refuses bounds that descend, lie outside, or cut a character.
            inside.and_then(|(from, to)| text.get(from..to)).ok_or_else(|| {
                let message =
                    format!("offsets[{index}..={}] are {from}, {to}: not the bounds of a text", index + 1);
                TokenizerError::argument("offsets", message)
            })
        })
        .collect()
}

/// The texts of `data` that `separator` ends; what follows the last separator is one too unless it is empty.
///
/// # Errors
/// Data that is not UTF-8; an empty separator.
pub fn separated<'a>(data: &'a [u8], separator: &str) -> Result<Vec<&'a str>> {
    if separator.is_empty() {
        return Err(TokenizerError::argument("separator", "is empty, expected one character or more"));
    }
    let text = utf8(data, 0)?;
    let (mut texts, mut start) = (Vec::new(), 0);
    for at in memmem::find_iter(data, separator) {
        texts.push(&text[start..at]);
        start = at + separator.len();
    }
    if start < text.len() {
        texts.push(&text[start..]);
    }
    Ok(texts)
}

fn utf8(data: &[u8], base: usize) -> Result<&str> {
    std::str::from_utf8(data).map_err(|error| TokenizerError::InvalidEncoding {
        argument: "data".into(),
        position: base + error.valid_up_to(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_checked() {
        let data = "aébc".as_bytes();
        assert_eq!(between(data, &[0, 3, 3, 5]).unwrap(), ["aé", "", "bc"]);
        assert_eq!(between(data, &[3, 5]).unwrap(), ["bc"]);
        assert!(between(data, &[]).unwrap().is_empty() && between(data, &[3]).unwrap().is_empty());
        for wrong in [&[0, 2, 5][..], &[0, 9], &[-1, 3], &[0, 5, 3], &[3, 0, 5]] {
            assert!(between(data, wrong).is_err(), "{wrong:?}");
        }
        assert!(between(b"a\xff", &[0, 2]).is_err());
    }

    #[test]
    fn a_separator_ends_documents() {
        assert_eq!(separated(b"a--b----c", "--").unwrap(), ["a", "b", "", "c"]);
        assert_eq!(separated(b"a\n", "\n").unwrap(), ["a"]);
        assert_eq!(separated(b"", "\n").unwrap(), [""; 0]);
        assert!(separated(b"a", "").is_err() && separated(b"\xc3", "\n").is_err());
    }
}
