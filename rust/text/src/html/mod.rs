//! From an HTML page to its text.

mod article;
mod entities;
mod entity_table;
mod hints;
mod measure;
mod tags;
mod text;
mod tokens;
mod tree;
mod trim;

use ferrolm_base::{Cancel, Cancelled};

use tree::Tree;

pub fn clean(source: &str, main_content: bool, cancel: &Cancel) -> Result<String, Cancelled> {
    if main_content
        && let Some(tree) = Tree::parse(source, cancel)?
        && let Some(found) = article::find(&tree, cancel)?
    {
        let text = text::of_tree(&tree, found.root, &found.dropped, cancel)?;
        if !text.is_empty() {
            return Ok(text);
        }
    }
    text::all_text(source, cancel)
}
