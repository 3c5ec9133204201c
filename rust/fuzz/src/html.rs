//! Any bytes as a page: all that is made of it is text.

use ferrolm_base::cancel::NEVER;
use ferrolm_text::html::{Format, Options, clean, metadata};

/// The bytes are those of a page.
pub fn page(data: &[u8]) {
    let source = String::from_utf8_lossy(data);
    for main_content in [false, true] {
        for format in [Format::Text, Format::Markdown] {
            let text = clean(&source, Options { main_content, format }, &NEVER).unwrap();
            assert!(!text.contains('\0'), "NUL in {text:?}");
        }
    }
    metadata(&source, &NEVER).unwrap();
}
