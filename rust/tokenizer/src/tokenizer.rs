//! The tokenizer: its parts and its settings. What it does with text is in [`crate::pipeline`].

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::added::{AddedToken, AddedVocabulary};
use crate::decoder::Decoder;
use crate::error::{Result, TokenizerError};
use crate::model::Model;
use crate::normalizer::Normalizer;
use crate::padding::Padding;
use crate::pipeline::Plan;
use crate::post_processor::PostProcessor;
use crate::pre_tokenizer::PreTokenizer;
use crate::truncation::Truncation;

/// A pipeline from text to ids and back, as a tokenizer.json describes it.
///
/// Changing a part makes the plan anew at the next use, which loses the caches.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "the names of the format")]
pub struct Tokenizer {
    model: Model,
    normalizer: Option<Normalizer>,
    pre_tokenizer: Option<PreTokenizer>,
    post_processor: Option<PostProcessor>,
    decoder: Option<Decoder>,
    added: AddedVocabulary,
    truncation: Option<Truncation>,
    padding: Option<Padding>,
    plan: OnceLock<Plan>,
}

impl Clone for Tokenizer {
    fn clone(&self) -> Self {
        Self {
            model: self.model.clone(),
            normalizer: self.normalizer.clone(),
            pre_tokenizer: self.pre_tokenizer.clone(),
            post_processor: self.post_processor.clone(),
            decoder: self.decoder.clone(),
            added: self.added.clone(),
            truncation: self.truncation,
            padding: self.padding.clone(),
            plan: self.plan.clone(),
        }
    }
}

impl Tokenizer {
    /// A tokenizer of a model alone.
    pub fn new(model: Model) -> Self {
        Self {
            model,
            normalizer: None,
            pre_tokenizer: None,
            post_processor: None,
            decoder: None,
            added: AddedVocabulary::default(),
            truncation: None,
            padding: None,
            plan: OnceLock::new(),
        }
    }

    pub fn model(&self) -> &Model {
        &self.model
    }

    pub fn set_model(&mut self, model: Model) {
        self.model = model;
        self.plan = OnceLock::new();
    }

    pub fn normalizer(&self) -> Option<&Normalizer> {
        self.normalizer.as_ref()
    }

    /// Tokens that are matched in normalized text are normalized anew.
    pub fn set_normalizer(&mut self, normalizer: Option<Normalizer>) -> Result<()> {
        self.added.normalize(normalizer.as_ref())?;
        self.normalizer = normalizer;
        self.plan = OnceLock::new();
        Ok(())
    }

    pub fn pre_tokenizer(&self) -> Option<&PreTokenizer> {
        self.pre_tokenizer.as_ref()
    }

    pub fn set_pre_tokenizer(&mut self, pre_tokenizer: Option<PreTokenizer>) {
        self.pre_tokenizer = pre_tokenizer;
        self.plan = OnceLock::new();
    }

    pub fn post_processor(&self) -> Option<&PostProcessor> {
        self.post_processor.as_ref()
    }

    pub fn set_post_processor(&mut self, post_processor: Option<PostProcessor>) {
        self.post_processor = post_processor;
    }

    pub fn decoder(&self) -> Option<&Decoder> {
        self.decoder.as_ref()
    }

    pub fn set_decoder(&mut self, decoder: Option<Decoder>) {
        self.decoder = decoder;
        self.plan = OnceLock::new();
    }

    pub fn added_vocabulary(&self) -> &AddedVocabulary {
        &self.added
    }

    /// Add tokens; returns how many were new. See [`AddedVocabulary::add`].
    pub fn add_tokens(&mut self, tokens: impl IntoIterator<Item = AddedToken>) -> Result<usize> {
        self.plan = OnceLock::new();
        self.added.add(tokens, &self.model, self.normalizer.as_ref())
    }

    pub fn set_encode_special_tokens(&mut self, value: bool) {
        self.added.set_encode_special_tokens(value);
    }

    pub fn truncation(&self) -> Option<&Truncation> {
        self.truncation.as_ref()
    }

    /// # Errors
    /// A stride that leaves no room for new tokens in a window.
    pub fn set_truncation(&mut self, truncation: Option<Truncation>) -> Result<()> {
        if let Some(Truncation { max_length, stride, .. }) = truncation {
            let added = self.added_tokens(false);
            let room = max_length.checked_sub(added).ok_or_else(|| {
                let message = format!("{max_length} is less than the {added} special tokens that are added");
                TokenizerError::argument("max_length", message)
            })?;
            if stride > 0 && stride >= room {
                let message = format!(
                    "{stride} is not smaller than max_length ({max_length}) less {added} special tokens"
                );
                return Err(TokenizerError::argument("stride", message));
            }
        }
        self.set_truncation_unchecked(truncation);
        Ok(())
    }

    pub(crate) fn set_truncation_unchecked(&mut self, truncation: Option<Truncation>) {
        self.truncation = truncation;
    }

    pub fn padding(&self) -> Option<&Padding> {
        self.padding.as_ref()
    }

    pub fn set_padding(&mut self, padding: Option<Padding>) -> Result<()> {
        padding.as_ref().map_or(Ok(()), Padding::check)?;
        self.padding = padding;
        Ok(())
    }

    /// Number of special tokens that post-processing adds to one sequence or a pair.
    pub fn added_tokens(&self, pair: bool) -> usize {
        self.post_processor.as_ref().map_or(0, |processor| processor.added_tokens(pair))
    }

    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.added.token_to_id(token, &self.model)
    }

    pub fn id_to_token(&self, id: u32) -> Option<&str> {
        self.added.id_to_token(id).or_else(|| self.model.id_to_token(id))
    }

    /// Number of tokens, with or without those that were added.
    pub fn vocab_size(&self, with_added_tokens: bool) -> usize {
        let added = self.added.ids().keys().filter(|token| self.model.token_to_id(token).is_none());
        self.model.vocab_size() + if with_added_tokens { added.count() } else { 0 }
    }

    /// Tokens and their ids.
    pub fn vocab(&self, with_added_tokens: bool) -> BTreeMap<&str, u32> {
        let mut vocab: BTreeMap<&str, u32> = self.model.vocabulary().entries().collect();
        if with_added_tokens {
            vocab.extend(self.added.ids().iter().map(|(token, &id)| (token.as_str(), id)));
        }
        vocab
    }

    pub(crate) fn plan(&self) -> &Plan {
        self.plan.get_or_init(|| Plan::new(self))
    }
}
