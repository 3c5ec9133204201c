//! Tokens of text that is not at its end yet: which are certain, and what the others may become.

use std::collections::BTreeSet;

use ferrolm_base::cancel;

use super::encoding::{Allowed, RankEncoding};
use crate::error::Result;

/// Tokens that no further text changes, and sequences that may follow, each of which spells the rest of the text and
/// perhaps more.
pub type Unstable = (Vec<u32>, BTreeSet<Vec<u32>>);

impl RankEncoding {
    /// Ranks in the order of the bytes of their tokens.
    pub fn sorted(&self) -> &[u32] {
        self.sorted.get_or_init(|| {
            let mut sorted: Vec<u32> = self.ranks.iter().map(|(rank, _)| rank).collect();
            sorted.sort_unstable_by_key(|&rank| self.ranks.token(rank));
            sorted
        })
    }

    /// Ranks of the tokens that start with `prefix`, by their bytes.
    fn starting_with<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = (u32, &'a [u8])> {
        let token = |rank: u32| self.ranks.token(rank).unwrap_or_default();
        let sorted = self.sorted();
        let first = sorted.partition_point(|&rank| token(rank) < prefix);
        let tokens = sorted[first..].iter().map(move |&rank| (rank, token(rank)));
        tokens.take_while(move |(_, token)| token.starts_with(prefix))
    }

    /// The certain tokens of `text`, and what may follow, as tiktoken works them out.
    pub fn encode_with_unstable(&self, text: &str, allowed: Allowed<'_>) -> Result<Unstable> {
        let mut tokens = Vec::new();
        let found = self.specials_in(text);
        let rest = self.encode_but_last(text, &found, allowed, &cancel::NEVER, &mut tokens)?;
        // The last piece can still merge with what comes.
        let last = self.encode_last(rest, &mut tokens)?;
        let last = self.with_white_space(&tokens, last);
        if last == 0 {
            return Ok((tokens, BTreeSet::new()));
        }
        let unstable = tokens.split_off(tokens.len() - last);
        let completions = self.completions(&self.decode(&unstable)?)?;
        Ok((tokens, completions))
    }

    /// Append the ids of `text`; returns how many are those of its last piece.
    fn encode_last(&self, text: &str, ids: &mut Vec<u32>) -> Result<usize> {
        self.encode_ordinary(text, ids)?;
        let mut last = Vec::new();
        self.encode_piece(self.last_piece(text)?.as_bytes(), &mut last)?;
        Ok(last.len())
    }

    /// White space can move from the last piece to one before it: such tokens are uncertain too.
    fn with_white_space(&self, tokens: &[u32], mut last: usize) -> usize {
        let is_space = |back: usize| {
            let token = tokens.len().checked_sub(back).and_then(|at| self.ranks.token(*tokens.get(at)?));
            token.is_some_and(|token| token.iter().all(|byte| b" \n\t".contains(byte)))
        };
        if last > 0 && is_space(last) {
            while is_space(last + 1) {
                last += 1;
            }
        }
        last
    }

    fn completions(&self, unstable: &[u8]) -> Result<BTreeSet<Vec<u32>>> {
        let mut completions: BTreeSet<Vec<u32>> =
            self.starting_with(unstable).map(|(rank, _)| vec![rank]).collect();
        // A token may begin anywhere in the uncertain bytes and go on beyond them.
        for at in 1..unstable.len() {
            let (before, begun) = unstable.split_at(at);
            for (_, token) in self.starting_with(begun) {
                let possible = [before, token].concat();
                let mut ids = Vec::new();
                match std::str::from_utf8(&possible) {
                    Ok(text) => self.encode_ordinary(text, &mut ids)?,
                    Err(_) => self.merge_piece(&possible, &mut ids)?,
                }
                let mut length = 0;
                let enough = ids.iter().position(|&id| {
                    length += self.ranks.token(id).map_or(0, <[u8]>::len);
                    length >= unstable.len()
                });
                ids.truncate(enough.map_or(ids.len(), |at| at + 1));
                completions.insert(ids);
            }
        }
        self.split_before_space(unstable, &mut completions)?;
        Ok(completions)
    }

    /// White space at the end may yet become a piece of its own.
    fn split_before_space(&self, unstable: &[u8], completions: &mut BTreeSet<Vec<u32>>) -> Result<()> {
        let mut starts = (1..=4usize).filter_map(|length| unstable.len().checked_sub(length));
        let last = starts.find_map(|start| Some((start, std::str::from_utf8(&unstable[start..]).ok()?)));
        if let Some((start, text)) = last
            && start > 0
            && text.chars().all(char::is_whitespace)
        {
            let mut ids = Vec::new();
            self.merge_piece(&unstable[..start], &mut ids)?;
            self.merge_piece(&unstable[start..], &mut ids)?;
            completions.insert(ids);
        }
        Ok(())
    }

    /// Ids of bytes that need not be UTF-8: those that are, as text; the last piece with what follows as one piece.
    pub fn encode_bytes(&self, bytes: &[u8]) -> Result<Vec<u32>> {
        let mut tokens = Vec::new();
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => {
                self.encode_ordinary(text, &mut tokens)?;
                return Ok(tokens);
            }
            Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
        };
        let last = self.encode_last(text, &mut tokens)?;
        let last = self.with_white_space(&tokens, last);
        let uncertain = tokens.split_off(tokens.len() - last);
        let mut piece = self.decode(&uncertain)?;
        piece.extend_from_slice(&bytes[text.len()..]);
        self.encode_piece(&piece, &mut tokens)?;
        Ok(tokens)
    }
}
