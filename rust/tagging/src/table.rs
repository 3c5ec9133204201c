//! The features of a finished tagger: from a key to the weights of some tags, in whole numbers.

/// One weight: a tag and the mean, in steps of `Table::step`.
pub(crate) type Entry = (u16, i16);

/// A key and where its weights begin and end; key 0 is an empty place. All in one, so that a lookup misses the
/// processor's cache once for a key that is not there, as most are, and twice for others.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Place {
    key: u32,
    start: u32,
    end: u32,
}

/// Weights by key: sorted for the file, and in a table of open addressing for looking up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    keys: Vec<u32>,
    /// Where the weights of each key begin, and where the last end.
    starts: Vec<u32>,
    entries: Vec<Entry>,
    places: Vec<Place>,
    /// What a weight of 1 means.
    pub(crate) step: f64,
}

/// Fine enough that no tag of a sentence changes but by luck.
const FINEST_STEP: f64 = 1.0 / 32.0;

impl Table {
    /// From averages, sorted by key; what is rounded to zero is left out.
    pub(crate) fn quantized(averages: &[(u32, Vec<(u16, f64)>)]) -> Self {
        let largest =
            averages.iter().flat_map(|(_, row)| row).fold(0.0f64, |most, (_, mean)| most.max(mean.abs()));
        let step = FINEST_STEP.max(largest / f64::from(i16::MAX));
        let mut rows = Vec::with_capacity(averages.len());
        let mut entries = Vec::new();
        for (key, row) in averages {
            let rounded = row.iter().map(|&(tag, mean)| (tag, (mean / step).round() as i16));
            let before = entries.len();
            entries.extend(rounded.filter(|&(_, value)| value != 0));
            if entries.len() > before {
                rows.push((*key, (entries.len() - before) as u32));
            }
        }
        Self::new(&rows, entries, step)
    }

    /// From (key, how many weights) in order of the keys, none of which is 0.
    pub(crate) fn new(rows: &[(u32, u32)], entries: Vec<Entry>, step: f64) -> Self {
        let size = (rows.len() * 2 + 1).next_power_of_two();
        let mut places = vec![Place::default(); size];
        let mut starts = Vec::with_capacity(rows.len() + 1);
        let mut start = 0;
        for &(key, length) in rows {
            let mut place = key as usize & (size - 1);
            while places[place].key != 0 {
                place = (place + 1) & (size - 1);
            }
            places[place] = Place { key, start, end: start + length };
            starts.push(start);
            start += length;
        }
        starts.push(start);
        Self { keys: rows.iter().map(|&(key, _)| key).collect(), starts, entries, places, step }
    }

    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = (u32, &[Entry])> {
        self.keys
            .iter()
            .zip(self.starts.windows(2))
            .map(|(&key, ends)| (key, &self.entries[ends[0] as usize..ends[1] as usize]))
    }

    pub(crate) fn num_weights(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    pub(crate) fn row(&self, key: u32) -> &[Entry] {
        let mask = self.places.len() - 1;
        let mut place = key as usize & mask;
        loop {
            let found = self.places[place];
            if found.key == key || found.key == 0 {
                return &self.entries[found.start as usize..found.end as usize];
            }
            place = (place + 1) & mask;
        }
    }

    #[inline]
    pub(crate) fn add_to(&self, key: u32, scores: &mut [i32]) {
        for &(tag, value) in self.row(key) {
            scores[usize::from(tag)] += i32::from(value);
        }
    }
}
