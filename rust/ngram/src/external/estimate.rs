//! Probabilities and back-off weights of one order, from the one below: what [`crate::estimate`] does in memory.

use ferrolm_base::Cancel;

use super::rows::{RowReader, RowWriter, Section, read_all};
use super::scatter::Scatter;
use super::store::Store;
use crate::error::Result;
use crate::estimate::{log10_backoff, log10_probability};
use crate::options::Options;
use crate::smoothing::{Estimate, Method, Seen};
use crate::vocabulary::Vocabulary;

/// What the estimation of every order needs to know.
pub(super) struct Rules<'a> {
    pub method: &'a dyn Method,
    pub options: &'a Options,
    /// By order: n-grams that occur at most this often are left out.
    pub thresholds: &'a [u32],
    /// Whether each word is outside the vocabulary that users gave; empty without one.
    pub outside: &'a [bool],
    /// How many words can be predicted: all that are kept, but `<s>`.
    pub words: f64,
}

impl Rules<'_> {
    /// Whether the n-grams of an order are all kept. Rare words are made unknown, but keep their places.
    fn keeps_all(&self, k: usize) -> bool {
        k == 1 || (self.thresholds[k - 1] == 0 && self.outside.is_empty())
    }

    fn is_outside(&self, word: u32) -> bool {
        self.outside.get(word as usize).is_some_and(|&outside| outside)
    }
}

/// The probabilities of the words, as `probabilities-1` and `grams-1`.
pub(super) fn unigrams(
    store: &Store,
    vocabulary: &Vocabulary,
    rules: &Rules<'_>,
    pruned: impl Fn(usize) -> bool,
    discounts: &[f64; 3],
) -> Result<()> {
    let rows = u64::from(vocabulary.size());
    let name = if rules.options.order > 1 { "smoothed-1" } else { "counts-1" };
    let mut counts = read_all(store, &Section { name: name.to_owned(), start: 0, rows, width: 1 })?;
    // <s> is never predicted.
    counts[vocabulary.inner_markers().begin as usize] = 0;
    let probabilities = crate::estimate::unigrams(
        rules.method,
        rules.options,
        vocabulary,
        &counts,
        pruned,
        rules.words,
        discounts,
    );
    let mut grams = RowWriter::create(store, "grams-1")?;
    let mut bits = RowWriter::create(store, "probabilities-1")?;
    for (word, probability) in (0..).zip(probabilities) {
        grams.push(&[word, log10_probability(probability).to_bits()])?;
        bits.push(&[probability.to_bits()])?;
    }
    grams.finish()?;
    bits.finish()
}

/// What estimation needs to know of an order.
pub(super) struct Order<'a> {
    /// 2 and up.
    pub k: usize,
    pub highest: bool,
    /// Numbers of n-grams of this order and of the one below.
    pub size: u64,
    pub below: u64,
    pub rules: &'a Rules<'a>,
    pub discounts: &'a [f64; 3],
}

/// Estimate order `k`: writes `grams-k`, `places-k` (where the suffixes are), `probabilities-k` for the order above, and
/// the nodes of the order below, which have their back-off weights now. Returns how many n-grams are kept.
pub(super) fn order(store: &Store, order: &Order<'_>, memory: usize, cancel: &Cancel) -> Result<u64> {
    let lower = lower(store, order, memory / 2, cancel)?;
    let mut contexts = Contexts::open(store, order)?;
    lower.finish(cancel, |row| contexts.push(row[0], f32::from_bits(row[1])))?;
    contexts.finish()
}

/// For each n-gram the place of its suffix among those that are kept, and the suffix's probability.
fn lower<'a>(store: &'a Store, order: &Order<'_>, memory: usize, cancel: &Cancel) -> Result<Scatter<'a>> {
    let Order { k, size, below, .. } = *order;
    let mut scatter = Scatter::new(store, &format!("lower-{k}"), size as usize, 2, memory)?;
    let mut links = RowReader::whole(store, &format!("links-{k}"), 2, size)?;
    let mut probabilities = RowReader::whole(store, &format!("probabilities-{}", k - 1), 1, below)?;
    let mut kept = Kept::open(store, order.rules, k - 1, below)?;
    let (mut at, mut place, mut probability) = (0u32, 0u32, probabilities.take()?.unwrap_or(0));
    let mut here = kept.next()?;
    let mut seen = 0u64;
    while let Some([suffix, index]) = links.take_row()? {
        while at < suffix {
            place += u32::from(here);
            here = kept.next()?;
            probability = probabilities.take()?.unwrap_or(0);
            at += 1;
        }
        scatter.put(index, &[place, probability])?;
        seen += 1;
        if seen.is_multiple_of(1 << 16) {
            cancel.check()?;
        }
    }
    Ok(scatter)
}

/// Whether each n-gram of an order is kept, from front to back.
struct Kept(Option<RowReader>);

impl Kept {
    fn open(store: &Store, rules: &Rules<'_>, k: usize, size: u64) -> Result<Self> {
        let flags = || RowReader::whole(store, &format!("kept-{k}"), 1, size);
        Ok(Self(if rules.keeps_all(k) { None } else { Some(flags()?) }))
    }

    #[inline]
    fn next(&mut self) -> Result<bool> {
        let Some(flags) = &mut self.0 else { return Ok(true) };
        Ok(flags.take()?.is_some_and(|flag| flag > 0))
    }
}

/// The continuations of one context after the other.
struct Contexts<'a> {
    order: &'a Order<'a>,
    words: RowReader,
    smoothed: RowReader,
    /// Occurrences, and the flags that are made of them; `None` if all n-grams are kept.
    kept: Option<(RowReader, RowWriter)>,
    /// Where the continuations of each context begin.
    children: RowReader,
    /// Whether each context is kept, and where its suffix is.
    kept_below: Kept,
    places_below: Option<RowReader>,
    /// The current context, whether it is kept, and where its continuations end.
    context: u32,
    context_kept: bool,
    end: u32,
    /// How many n-grams have been seen.
    seen: u32,
    /// The current context's continuations.
    items: Vec<Item>,
    number_kept: u32,
    grams: RowWriter,
    places: RowWriter,
    probabilities: Option<RowWriter>,
    nodes: RowWriter,
}

#[derive(Clone, Copy)]
struct Item {
    word: u32,
    count: u32,
    kept: bool,
    place: u32,
    lower: f32,
}

impl<'a> Contexts<'a> {
    fn open(store: &Store, order: &'a Order<'a>) -> Result<Self> {
        let Order { k, highest, size, below, .. } = *order;
        let smoothed = if highest { format!("counts-{k}") } else { format!("smoothed-{k}") };
        let kept = if order.rules.keeps_all(k) {
            None
        } else {
            let occurrences = RowReader::whole(store, &format!("counts-{k}"), 1, size)?;
            Some((occurrences, RowWriter::create(store, &format!("kept-{k}"))?))
        };
        let probabilities = || RowWriter::create(store, &format!("probabilities-{k}"));
        let kept_rows =
            store.done(&format!("estimate-{}", k - 1)).and_then(|numbers| numbers.first().copied());
        let places = || RowReader::whole(store, &format!("places-{}", k - 1), 1, kept_rows.unwrap_or(below));
        let mut contexts = Self {
            order,
            words: RowReader::whole(store, &format!("words-{k}"), 1, size)?,
            smoothed: RowReader::whole(store, &smoothed, 1, size)?,
            kept,
            children: RowReader::whole(store, &format!("children-{}", k - 1), 1, below + 1)?,
            kept_below: Kept::open(store, order.rules, k - 1, below)?,
            places_below: if k > 2 { Some(places()?) } else { None },
            context: 0,
            context_kept: true,
            end: 0,
            seen: 0,
            items: Vec::new(),
            number_kept: 0,
            grams: RowWriter::create(store, &format!("grams-{k}"))?,
            places: RowWriter::create(store, &format!("places-{k}"))?,
            probabilities: if highest { None } else { Some(probabilities()?) },
            nodes: RowWriter::create(store, &format!("nodes-{}", k - 1))?,
        };
        // The first context begins at 0 and ends where the second begins.
        contexts.children.take()?;
        contexts.end = contexts.children.take()?.unwrap_or(0);
        contexts.enter()?;
        Ok(contexts)
    }

    /// Whether the current context is kept. Words that are not have a place all the same, but no continuations.
    fn enter(&mut self) -> Result<()> {
        let outside = self.order.k == 2 && self.order.rules.is_outside(self.context);
        self.context_kept = self.kept_below.next()? && !outside;
        Ok(())
    }

    /// The next n-gram of the order.
    fn push(&mut self, place: u32, lower: f32) -> Result<()> {
        while self.seen >= self.end {
            self.close()?;
            self.end = self.children.take()?.unwrap_or(u32::MAX);
            self.context += 1;
            self.enter()?;
        }
        self.seen += 1;
        let (word, count) = (self.words.take()?.unwrap_or(0), self.smoothed.take()?.unwrap_or(0));
        let kept = self.keep(word)?;
        self.items.push(Item { word, count, kept, place, lower });
        Ok(())
    }

    /// Whether the next n-gram, which ends with `word`, is kept.
    fn keep(&mut self, word: u32) -> Result<bool> {
        let Some((occurrences, flags)) = &mut self.kept else { return Ok(true) };
        let threshold = self.order.rules.thresholds[self.order.k - 1];
        let rare = occurrences.take()?.unwrap_or(0) <= threshold && threshold > 0;
        let kept = self.context_kept && !rare && !self.order.rules.is_outside(word);
        flags.push(&[u32::from(kept)])?;
        Ok(kept)
    }

    /// All continuations of the context are known.
    fn close(&mut self) -> Result<()> {
        let rules = self.order.rules;
        let seen = Seen::of(self.items.iter().map(|item| (item.count, !item.kept)));
        let estimate = Estimate::of(rules.method, &seen, self.order.discounts, rules.words);
        let backoff = if self.items.is_empty() { 1.0 } else { estimate.backoff };
        if self.order.k == 2 || self.context_kept {
            let suffix = self.places_below.as_mut().map_or(Ok(Some(0)), RowReader::take)?.unwrap_or(0);
            self.nodes.push(&[log10_backoff(backoff).to_bits(), suffix, self.number_kept])?;
        }
        for item in self.items.drain(..) {
            let probability = estimate.probability(item.count, item.lower);
            if let Some(probabilities) = &mut self.probabilities {
                probabilities.push(&[probability.to_bits()])?;
            }
            if item.kept {
                self.grams.push(&[item.word, log10_probability(probability).to_bits()])?;
                self.places.push(&[item.place])?;
                self.number_kept += 1;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<u64> {
        // The context that is open, and those after it, which have no continuations.
        let mut open = self.order.below > 0;
        while open {
            self.close()?;
            open = self.children.take()?.is_some();
            if open {
                self.context += 1;
                self.enter()?;
            }
        }
        self.nodes.push(&[0f32.to_bits(), 0, self.number_kept])?;
        self.grams.finish()?;
        self.places.finish()?;
        self.nodes.finish()?;
        self.kept.map_or(Ok(()), |(_, flags)| flags.finish())?;
        self.probabilities.map_or(Ok(()), RowWriter::finish)?;
        Ok(u64::from(self.number_kept))
    }
}
