//! A normalizer of the user's own.

use std::fmt::Debug;
use std::sync::Arc;

use crate::error::Result;
use crate::normalized::NormalizedString;

/// What a normalizer of the user's own does.
pub trait CustomNormalizer: Debug + Send + Sync {
    /// Change `text` in place.
    fn normalize(&self, text: &mut NormalizedString) -> Result<()>;
}

/// Equal to itself alone.
#[derive(Debug, Clone)]
pub struct Custom(pub Arc<dyn CustomNormalizer>);

impl PartialEq for Custom {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
