//! From an HTML page to its text: all that a reader sees, or the article alone; as lines or as Markdown.
//!
//! | file | what |
//! | --- | --- |
//! | [`tokens`] | source -> tags and text |
//! | [`tags`], [`entities`], [`entity_table`] | names of elements; character references |
//! | [`tree`] | tags -> tree, repaired as browsers do |
//! | [`hints`] | classes, ids, roles -> what an element is called |
//! | [`measure`] | how much text stands where, and in links |
//! | [`article`], [`foreign`], [`trim`] | which part is the article; which blocks and lines in it are not of it |
//! | [`text`], [`markdown`], [`markdown_writer`] | tree -> lines, Markdown |
//! | [`json_ld`], [`metadata`] | what a page says to machines |
//!
//! Everything is linear in the page, whatever is nested, unclosed or repeated in it, and stops within milliseconds of
//! being cancelled.

mod article;
mod entities;
mod entity_table;
mod foreign;
mod hints;
mod json_ld;
mod markdown;
mod markdown_writer;
mod measure;
mod metadata;
mod tags;
mod text;
mod tokens;
mod tree;
mod trim;

use std::borrow::Cow;

use ferrolm_base::{Cancel, Cancelled};
use rayon::prelude::*;

pub use metadata::{Metadata, metadata};
use tree::Tree;

/// How text is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// One block a line.
    #[default]
    Text,
    Markdown,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Only the article, where there is one.
    pub main_content: bool,
    pub format: Format,
}

/// Characters of an article below which a page rather loads it later than has so short a one.
const SHORTEST_ARTICLE: u32 = 140;

/// The text of one page.
///
/// A page with more than 4 million elements, or more than 4 GB, is written as text without a look for an article.
pub fn clean(source: &str, options: Options, cancel: &Cancel) -> Result<String, Cancelled> {
    let source = without_controls(source);
    if !options.main_content && options.format == Format::Text {
        return text::all_text(&source, cancel);
    }
    let Some(tree) = Tree::parse(&source, cancel)? else { return text::all_text(&source, cancel) };
    if options.main_content {
        let article = article(&tree, options.format, cancel)?;
        if !article.is_empty() {
            return Ok(article);
        }
    }
    match options.format {
        Format::Text => text::all_text(&source, cancel),
        Format::Markdown => markdown::of_tree(&tree, 0, &vec![false; tree.nodes.len()], cancel),
    }
}

/// The texts of many pages, in parallel on the pool of the caller.
pub fn clean_all<S: AsRef<str> + Sync>(
    pages: &[S],
    options: Options,
    cancel: &Cancel,
) -> Result<Vec<String>, Cancelled> {
    pages.par_iter().with_max_len(4).map(|page| clean(page.as_ref(), options, cancel)).collect()
}

/// Empty where there is none.
fn article(tree: &Tree<'_>, format: Format, cancel: &Cancel) -> Result<String, Cancelled> {
    let found = article::find(tree, cancel)?;
    let shown = match &found {
        None => String::new(),
        Some(found) => match format {
            Format::Text => text::of_tree(tree, found.root, &found.dropped, cancel)?,
            Format::Markdown => markdown::of_tree(tree, found.root, &found.dropped, cancel)?,
        },
    };
    if measure::weigh(&shown).0 < SHORTEST_ARTICLE
        && let Some(told) = json_ld::article_body(tree)
        && measure::weigh(&told).0 > SHORTEST_ARTICLE.max(2 * measure::weigh(&shown).0)
    {
        return text::of_told(&told, cancel);
    }
    Ok(shown)
}

/// No parser keeps NUL, which would split words; the separators U+001C to U+001F are white space to Python, which strips them.
fn without_controls(source: &str) -> Cow<'_, str> {
    if source.bytes().any(|byte| byte == 0 || matches!(byte, 0x1c..=0x1f)) {
        let kept = source.chars().filter(|&letter| letter != '\0');
        Cow::Owned(kept.map(|letter| if matches!(letter, '\x1c'..='\x1f') { ' ' } else { letter }).collect())
    } else {
        Cow::Borrowed(source)
    }
}
