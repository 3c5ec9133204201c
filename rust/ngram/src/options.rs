//! How to estimate a model, and what was found on the way.

use crate::absolute::Absolute;
use crate::add_k::AddK;
use crate::error::{NgramError, Result};
use crate::kneser_ney::KneserNey;
use crate::smoothing::Method;
use crate::stupid_backoff::StupidBackoff;
use crate::witten_bell::WittenBell;

/// Longer n-grams than this are mistakes.
pub const MAX_ORDER: usize = 32;

/// How to estimate; the names are those of `lmplz`.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Length of the longest n-grams, 1 to [`MAX_ORDER`].
    pub order: usize,
    pub smoothing: Smoothing,
    /// N-grams that occur at most this often are left out; one threshold per order from 1 on, never falling, the last
    /// one for all orders that follow. Empty: keep all.
    pub prune: Vec<u32>,
    /// Unknown words share the smoothing mass with all words (true), or get all of it (false, as SRILM does).
    pub interpolate_unigrams: bool,
    /// Discounts for counts 1, 2 and more where they cannot be estimated from the data; `None` makes that an error.
    pub discount_fallback: Option<[f64; 3]>,
    /// The only words (or ids, as digits) that the model knows: n-grams with others are counted, then left out, as
    /// `lmplz --limit_vocab_file` does. `None`: all words of the corpus.
    pub vocabulary: Option<Vec<String>>,
}

/// How counts become probabilities.
#[derive(Debug, Clone, PartialEq)]
pub enum Smoothing {
    /// Interpolated modified Kneser-Ney: see [`crate::kneser_ney`].
    KneserNey,
    /// Interpolated Witten-Bell: see [`crate::witten_bell`].
    WittenBell,
    /// Interpolated absolute discounting: see [`crate::absolute`]. One discount per order from 1 on, the last one for
    /// all orders that follow; empty: estimated.
    Absolute { discounts: Vec<f64> },
    /// `k` is added to every count: see [`crate::add_k`].
    AddK { k: f64 },
    /// Relative frequencies, the lower orders' times `factor`: see [`crate::stupid_backoff`].
    StupidBackoff { factor: f64 },
}

/// What was found at one order.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderReport {
    /// Distinct n-grams before and after pruning.
    pub seen: usize,
    pub kept: usize,
    /// Subtracted from (adjusted) counts of 1, of 2, and of 3 or more.
    pub discounts: [f64; 3],
    /// Why the discounts are the fallback's; `None` if they were estimated.
    pub fallback: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            order: 5,
            smoothing: Smoothing::KneserNey,
            prune: Vec::new(),
            interpolate_unigrams: true,
            discount_fallback: Some([0.5, 1.0, 1.5]),
            vocabulary: None,
        }
    }
}

impl Options {
    /// One pruning threshold per order.
    pub(crate) fn thresholds(&self) -> Result<Vec<u32>> {
        let complain = |message: String| Err(NgramError::InvalidArgument(message));
        if self.order == 0 || self.order > MAX_ORDER {
            return complain(format!("order is {}, but must be 1 to {MAX_ORDER}", self.order));
        }
        if self.prune.len() > self.order {
            return complain(format!(
                "prune has {} thresholds, but the model only {} orders",
                self.prune.len(),
                self.order
            ));
        }
        if self.prune.is_sorted() {
            let last = self.prune.last().copied().unwrap_or(0);
            let mut thresholds = self.prune.clone();
            thresholds.resize(self.order, last);
            return Ok(thresholds);
        }
        complain(format!(
            "prune is {:?}, but the thresholds must not fall from one order to the next",
            self.prune
        ))
    }

    /// The method, once its parameters are found to be usable.
    pub(crate) fn method(&self) -> Result<Box<dyn Method + Send>> {
        let complain = |message: String| Err(NgramError::InvalidArgument(message));
        match &self.smoothing {
            Smoothing::KneserNey => Ok(Box::new(KneserNey)),
            Smoothing::WittenBell => Ok(Box::new(WittenBell)),
            Smoothing::Absolute { discounts } => {
                if discounts.len() > self.order {
                    let count = discounts.len();
                    return complain(format!(
                        "discount has {count} numbers, but the model only {} orders",
                        self.order
                    ));
                }
                if let Some(discount) = discounts.iter().find(|d| !(0.0..=1.0).contains(*d)) {
                    return complain(format!("discount is {discount}, but must be 0 to 1"));
                }
                Ok(Box::new(Absolute { discounts: discounts.clone() }))
            }
            &Smoothing::AddK { k } => {
                if !(k > 0.0 && k.is_finite()) {
                    return complain(format!("k is {k}, but must be positive and finite"));
                }
                if !self.interpolate_unigrams {
                    return complain(
                        "interpolate_unigrams is false, but add-k gives all words the same share".to_owned(),
                    );
                }
                Ok(Box::new(AddK { k }))
            }
            &Smoothing::StupidBackoff { factor } => {
                if !(factor > 0.0 && factor <= 1.0) {
                    return complain(format!(
                        "backoff_factor is {factor}, but must be above 0 and at most 1"
                    ));
                }
                Ok(Box::new(StupidBackoff { factor }))
            }
        }
    }
}

impl Smoothing {
    /// The method that users call `name`, with its numbers: the discounts of `absolute`, k, or the back-off factor.
    pub fn from_name(name: &str, numbers: &[f64]) -> Result<Self> {
        let complain = |message: String| Err(NgramError::InvalidArgument(message));
        match (name, numbers) {
            ("kneser-ney", []) => Ok(Self::KneserNey),
            ("witten-bell", []) => Ok(Self::WittenBell),
            ("absolute", discounts) => Ok(Self::Absolute { discounts: discounts.to_vec() }),
            ("add-k", &[k]) => Ok(Self::AddK { k }),
            ("stupid-backoff", &[factor]) => Ok(Self::StupidBackoff { factor }),
            ("kneser-ney" | "witten-bell" | "add-k" | "stupid-backoff", numbers) => {
                complain(format!("smoothing is {name:?}, which does not take the numbers {numbers:?}"))
            }
            _ => complain(format!(
                "smoothing is {name:?}, but must be \"kneser-ney\", \"witten-bell\", \"absolute\", \"add-k\" or \
                 \"stupid-backoff\""
            )),
        }
    }
}

impl OrderReport {
    /// The report of level `k`, of whose `seen` n-grams `of_count[c]` have the count `c`, from 1 to 4.
    pub(crate) fn of(
        method: &dyn Method,
        k: usize,
        seen: usize,
        of_count: &[u64; 5],
        options: &Options,
    ) -> Result<Self> {
        match method.discounts(k, of_count) {
            Ok(discounts) => Ok(Self { seen, kept: seen, discounts, fallback: None }),
            Err(reason) => {
                let reason = format!("order {}: {reason}", k + 1);
                let missing = || {
                    let message =
                        format!("the discounts cannot be estimated for {reason}; set discount_fallback");
                    NgramError::InvalidArgument(message)
                };
                let discounts = method.fallback(options.discount_fallback.ok_or_else(missing)?);
                Ok(Self { seen, kept: seen, discounts, fallback: Some(reason) })
            }
        }
    }
}
