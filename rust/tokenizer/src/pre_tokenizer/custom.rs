//! Pre-tokenizers that a user wrote.

use std::fmt;
use std::sync::Arc;

use crate::error::Result;
use crate::pre_tokenized::PreTokenizedString;

/// What a pre-tokenizer of a user does. It cannot be saved in a file.
pub trait CustomPreTokenizer: Send + Sync {
    /// Cut `text`, by its methods.
    fn pre_tokenize(&self, text: &mut PreTokenizedString) -> Result<()>;
}

/// A custom pre-tokenizer, equal only to itself.
#[derive(Clone)]
pub struct Custom(pub Arc<dyn CustomPreTokenizer>);

impl fmt::Debug for Custom {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Custom")
    }
}

impl PartialEq for Custom {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
