//! Offsets, words and texts of tokens whose ids are known: what is left of an [`Encoding`](super::Encoding) when masks
//! are runs and most texts are those of the vocabulary.

/// The columns of an encoding that depend on the text; an entry for each token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// Characters of the text; (0, 0) for special and padding tokens.
    pub offsets: Vec<(u32, u32)>,
    /// [`Columns::NO_WORD`] for special and padding tokens.
    pub words: Vec<u32>,
    /// The texts that are not those of the vocabulary, by ascending index of their tokens.
    pub own: Vec<(usize, Box<str>)>,
}

impl Columns {
    /// Stands for no word.
    pub const NO_WORD: u32 = u32::MAX;

    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { offsets: Vec::with_capacity(count), words: Vec::with_capacity(count), own: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.len()
    }

    fn truncate(&mut self, count: usize) {
        self.offsets.truncate(count);
        self.words.truncate(count);
        while self.own.last().is_some_and(|&(index, _)| index >= count) {
            self.own.pop();
        }
    }

    /// Append a token that does not stand for text of a sequence.
    pub(crate) fn push_special(&mut self, text: &str) {
        self.own.push((self.len(), text.into()));
        self.offsets.push((0, 0));
        self.words.push(Self::NO_WORD);
    }
}

/// Gives known ids their place, in order, while the text is read again.
pub(crate) struct Placer<'a> {
    ids: &'a [u32],
    /// How many have theirs.
    next: usize,
    /// Text may be left when the ids are used up.
    truncated: bool,
    /// Words of the text so far.
    words: u32,
    /// The word that all tokens belong to, if they are not counted.
    word: Option<u32>,
    columns: &'a mut Columns,
}

/// How far a placer had come.
pub(crate) struct Mark {
    next: usize,
    columns: usize,
}

impl<'a> Placer<'a> {
    pub(crate) fn new(ids: &'a [u32], truncated: bool, columns: &'a mut Columns) -> Self {
        Self { ids, next: 0, truncated, words: 0, word: None, columns }
    }

    /// Begin with another text, whose words are counted unless `word` is given.
    pub(crate) fn start_text(&mut self, word: Option<u32>) {
        (self.words, self.word) = (0, word);
    }

    /// The id whose place is looked for.
    #[inline(always)]
    pub(crate) fn id(&self) -> Option<u32> {
        self.ids.get(self.next).copied()
    }

    /// Whether all ids have their place, however much text there is.
    #[inline(always)]
    pub(crate) fn is_cut_off(&self) -> bool {
        self.truncated && self.next == self.ids.len()
    }

    /// Whether all ids have their place at the end of the text.
    pub(crate) fn is_done(&self) -> bool {
        self.next == self.ids.len()
    }

    /// The next id stands for characters `start..end`, and belongs to a word so many after those that have ended.
    #[inline(always)]
    pub(crate) fn place(&mut self, (start, end): (u32, u32), word: u32) {
        self.next += 1;
        self.columns.offsets.push((start, end));
        self.columns.words.push(self.word.unwrap_or(self.words + word));
    }

    /// The same for a token with a text of its own.
    pub(crate) fn place_own(&mut self, text: &str, offsets: (u32, u32), word: u32) {
        self.columns.own.push((self.columns.len(), text.into()));
        self.place(offsets, word);
    }

    #[inline(always)]
    pub(crate) fn end_words(&mut self, count: u32) {
        self.words += count;
    }

    #[inline(always)]
    pub(crate) fn mark(&self) -> Mark {
        Mark { next: self.next, columns: self.columns.len() }
    }

    /// Forget what was placed since.
    pub(crate) fn back_to(&mut self, mark: &Mark) {
        self.next = mark.next;
        self.columns.truncate(mark.columns);
    }
}
