//! The growing vocabulary: tokens by id and ids by token.

use super::super::hash::FastMap;

#[derive(Default)]
pub(super) struct Vocabulary {
    tokens: Vec<String>,
    ids: FastMap<String, u32>,
}

impl Vocabulary {
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    pub(super) fn token(&self, id: u32) -> &str {
        self.tokens.get(id as usize).map_or("", String::as_str)
    }

    /// The id of `token`, which gets the next one if it is new.
    pub(super) fn id_or_insert(&mut self, token: &str) -> u32 {
        if let Some(id) = self.id(token) {
            return id;
        }
        let id = self.tokens.len() as u32;
        self.tokens.push(token.to_owned());
        self.ids.insert(token.to_owned(), id);
        id
    }

    pub(super) fn into_tokens(self) -> Vec<String> {
        self.tokens
    }
}
