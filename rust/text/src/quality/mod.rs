//! What tells text worth learning from: the published rules of Gopher and of C4.
//!
//! - [`Gopher`]: statistics of a document and the limits that they break
//! - [`C4`]: lines that stay, and why a page goes

mod c4;
mod gopher;
mod repetition;
mod statistics;

pub use c4::{C4, C4Rules};
pub use gopher::{Gopher, UnknownRule, named};
pub use statistics::Statistics;

use crate::segment;

/// Call `each` with the words of `text`: what white space separates, or the words of the dictionary in scripts that
/// are written without it.
pub(crate) fn for_each_word<'t>(text: &'t str, segmented: bool, mut each: impl FnMut(&'t str)) {
    if segmented {
        segment::words(text).filter_map(|range| text.get(range)).for_each(each);
    } else if text.is_ascii() {
        text.split_ascii_whitespace().for_each(&mut each);
    } else {
        text.split_whitespace().for_each(each);
    }
}

/// The number of characters, which is that of the bytes that begin one.
pub(crate) fn characters(text: &str) -> usize {
    text.as_bytes().iter().filter(|&&byte| byte as i8 >= -0x40).count()
}

/// Write `text` in lower case to `lower`, in the place of what is there.
pub(crate) fn lower_case(text: &str, lower: &mut String) {
    lower.clear();
    if text.is_ascii() {
        lower.push_str(text);
        lower.make_ascii_lowercase();
    } else {
        lower.extend(text.chars().flat_map(char::to_lowercase));
    }
}
