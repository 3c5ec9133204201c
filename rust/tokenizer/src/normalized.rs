//! Text and what normalization made of it, each byte knowing the bytes of the original that it comes from.

/// A text, or a part of one, and its normalized form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NormalizedString {
    normalized: String,
}

impl NormalizedString {
    pub fn new(text: &str) -> Self {
        Self { normalized: text.to_owned() }
    }

    /// The normalized form.
    pub fn get(&self) -> &str {
        &self.normalized
    }
}
