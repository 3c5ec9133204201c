//! Offsets, words and texts of tokens whose ids are known: what is left of an [`Encoding`](super::Encoding) when masks
//! are runs and most texts are those of the vocabulary.

/// The columns of an encoding that depend on the text; an entry for each token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// Characters of the text; (0, 0) for special and padding tokens.
    pub offsets: Vec<(u32, u32)>,
    /// [`Columns::NO_WORD`] for special and padding tokens.
    pub words: Vec<u32>,
    /// The texts that are not those of the vocabulary.
    own: OwnTexts,
}

/// Texts of some tokens, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct OwnTexts {
    /// The index of each token, which ascend, and where its text ends.
    ends: Vec<(usize, usize)>,
    text: String,
}

impl Columns {
    /// Stands for no word.
    pub const NO_WORD: u32 = u32::MAX;

    pub(crate) fn with_capacity(count: usize) -> Self {
        Self {
            offsets: Vec::with_capacity(count),
            words: Vec::with_capacity(count),
            own: OwnTexts::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.len()
    }

    fn truncate(&mut self, count: usize) {
        self.offsets.truncate(count);
        self.words.truncate(count);
        let own = self.own.ends.partition_point(|&(index, _)| index < count);
        self.own.ends.truncate(own);
        self.own.text.truncate(self.own.ends.last().map_or(0, |&(_, end)| end));
    }

    /// Append a token that does not stand for text of a sequence.
    pub(crate) fn push_special(&mut self, text: &str) {
        self.push_own(text);
        self.offsets.push((0, 0));
        self.words.push(Self::NO_WORD);
    }

    /// The next token has a text of its own.
    pub(crate) fn push_own(&mut self, text: &str) {
        self.own.text += text;
        self.own.ends.push((self.len(), self.own.text.len()));
    }

    /// The tokens, by ascending index, whose texts are not those of the vocabulary, and these texts.
    pub fn own_texts(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut start = 0;
        let text = move |&(index, end): &(usize, usize)| {
            (index, &self.own.text[std::mem::replace(&mut start, end)..end])
        };
        self.own.ends.iter().map(text)
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

    /// The token that is placed next has a text of its own.
    pub(crate) fn own_text(&mut self, text: &str) {
        self.columns.push_own(text);
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
