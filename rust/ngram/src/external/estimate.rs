//! Probabilities and back-off weights of one order, from the one below: what [`crate::kneser_ney`] does in memory.

use ferrolm_base::Cancel;

use super::rows::{RowReader, RowWriter, Section, read_all};
use super::scatter::Scatter;
use super::store::Store;
use crate::error::Result;
use crate::kneser_ney::{self, Options, Sums};
use crate::vocabulary::Vocabulary;

/// The probabilities of the words, as `probabilities-1` and `grams-1`.
pub(super) fn unigrams(
    store: &Store,
    vocabulary: &Vocabulary,
    options: &Options,
    threshold: u32,
    discounts: &[f64; 3],
) -> Result<()> {
    let size = u64::from(vocabulary.size());
    let all =
        |name: &str| read_all(store, &Section { name: name.to_owned(), start: 0, rows: size, width: 1 });
    let counts = all("counts-1")?;
    let mut adjusted = if options.order > 1 { all("adjusted-1")? } else { counts.clone() };
    // Nothing comes before <s>.
    adjusted[vocabulary.inner_markers().begin as usize] = 0;
    let probabilities = kneser_ney::unigrams(&adjusted, &counts, threshold, vocabulary, options, discounts);
    let mut grams = RowWriter::create(store, "grams-1")?;
    let mut bits = RowWriter::create(store, "probabilities-1")?;
    for (word, probability) in (0..).zip(probabilities) {
        grams.push(&[word, log10(probability).to_bits()])?;
        bits.push(&[probability.to_bits()])?;
    }
    grams.finish()?;
    bits.finish()
}

/// As [`crate::model::Gram`] has it.
fn log10(probability: f32) -> f32 {
    probability.log10().min(0.0)
}

/// What estimation needs to know of an order.
pub(super) struct Order<'a> {
    /// 2 and up.
    pub k: usize,
    pub highest: bool,
    /// Numbers of n-grams of this order and of the one below.
    pub size: u64,
    pub below: u64,
    /// N-grams that occur at most so often are left out, here and below.
    pub threshold: u32,
    pub threshold_below: u32,
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
    let mut kept = Kept::open(store, k - 1, below, order.threshold_below)?;
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
struct Kept(Option<(RowReader, u32)>);

impl Kept {
    fn open(store: &Store, k: usize, size: u64, threshold: u32) -> Result<Self> {
        // Rare words are made unknown, but keep their places.
        let counted = threshold > 0 && k > 1;
        let counts = || RowReader::whole(store, &format!("counts-{k}"), 1, size);
        Ok(Self(if counted { Some((counts()?, threshold)) } else { None }))
    }

    #[inline]
    fn next(&mut self) -> Result<bool> {
        let Some((counts, threshold)) = &mut self.0 else { return Ok(true) };
        Ok(counts.take()?.unwrap_or(0) > *threshold)
    }
}

/// The continuations of one context after the other.
struct Contexts<'a> {
    order: &'a Order<'a>,
    words: RowReader,
    adjusted: RowReader,
    kept: Kept,
    /// Where the continuations of each context begin.
    children: RowReader,
    /// Whether each context is kept, and where its suffix is.
    kept_below: Kept,
    places_below: Option<RowReader>,
    /// Where the current context's continuations end, and how many n-grams have been seen.
    end: u32,
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
        let adjusted = if highest { format!("counts-{k}") } else { format!("adjusted-{k}") };
        let probabilities = || RowWriter::create(store, &format!("probabilities-{k}"));
        let kept_rows =
            store.done(&format!("estimate-{}", k - 1)).and_then(|numbers| numbers.first().copied());
        let places = || RowReader::whole(store, &format!("places-{}", k - 1), 1, kept_rows.unwrap_or(below));
        let mut contexts = Self {
            order,
            words: RowReader::whole(store, &format!("words-{k}"), 1, size)?,
            adjusted: RowReader::whole(store, &adjusted, 1, size)?,
            kept: Kept::open(store, k, size, order.threshold)?,
            children: RowReader::whole(store, &format!("children-{}", k - 1), 1, below + 1)?,
            kept_below: Kept::open(store, k - 1, below, order.threshold_below)?,
            places_below: if k > 2 { Some(places()?) } else { None },
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
        Ok(contexts)
    }

    /// The next n-gram of the order.
    fn push(&mut self, place: u32, lower: f32) -> Result<()> {
        while self.seen >= self.end {
            self.close()?;
            self.end = self.children.take()?.unwrap_or(u32::MAX);
        }
        self.seen += 1;
        let (word, count) = (self.words.take()?.unwrap_or(0), self.adjusted.take()?.unwrap_or(0));
        self.items.push(Item { word, count, kept: self.kept.next()?, place, lower });
        Ok(())
    }

    /// All continuations of the context are known.
    fn close(&mut self) -> Result<()> {
        let discounts = self.order.discounts;
        let sums = Sums::of(self.items.iter().map(|item| (item.count, !item.kept)), discounts);
        let backoff = if self.items.is_empty() { 1.0 } else { sums.gamma as f32 };
        if self.kept_below.next()? {
            let suffix = self.places_below.as_mut().map_or(Ok(Some(0)), RowReader::take)?.unwrap_or(0);
            self.nodes.push(&[backoff.log10().to_bits(), suffix, self.number_kept])?;
        }
        for item in self.items.drain(..) {
            let probability = sums.interpolated(item.count, discounts, item.lower);
            if let Some(probabilities) = &mut self.probabilities {
                probabilities.push(&[probability.to_bits()])?;
            }
            if item.kept {
                self.grams.push(&[item.word, log10(probability).to_bits()])?;
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
        }
        self.nodes.push(&[0f32.to_bits(), 0, self.number_kept])?;
        self.grams.finish()?;
        self.places.finish()?;
        self.nodes.finish()?;
        self.probabilities.map_or(Ok(()), RowWriter::finish)?;
        Ok(u64::from(self.number_kept))
    }
}
