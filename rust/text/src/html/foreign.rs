//! Blocks that stand in an article without being of it: links to other pages, captions, bylines, forms.

use super::hints::Hints;
use super::measure::Measure;
use super::tags::Tag;
use super::tree::{NodeId, Tree};

/// What has more than this part of an article's mass is the article.
const LARGE: f32 = 0.4;

/// Drop such blocks of the subtree of `root`.
pub fn drop_foreign(tree: &Tree<'_>, root: NodeId, measures: &[Measure], dropped: &mut [bool]) {
    let range = tree.range(root);
    let mut id = range.start + 1;
    while id < range.end {
        let node = &tree.nodes[id];
        dropped[id] |= measures[id].mass <= LARGE * measures[root].mass && is_foreign(tree, id, measures);
        id = if dropped[id] { node.end as usize } else { id + 1 };
    }
}

fn is_foreign(tree: &Tree<'_>, id: NodeId, measures: &[Measure]) -> bool {
    let node = &tree.nodes[id];
    let measure = &measures[id];
    if node.hints.has(Hints::CAPTION) || is_about(node.hints) {
        return true;
    }
    match node.tag {
        Tag::FORM => true,
        Tag::UL | Tag::OL if lists_links(tree, id, measures) => true,
        Tag::UL | Tag::OL | Tag::DIV | Tag::SECTION | Tag::TABLE | Tag::DL => measure.link_density() > 0.5,
        // `Related: another article`, but not a sentence with a long link.
        Tag::P => {
            measure.link_density() > 0.9 || (measure.link_density() > 0.5 && measure.own_punctuation == 0)
        }
        _ => false,
    }
}

/// Themes put author and category of an article also into the classes of the article itself.
fn is_about(hints: Hints) -> bool {
    hints.has(Hints::ABOUT) && !hints.has(Hints::ARTICLE) && !hints.has(Hints::BODY)
}

/// Whether most items of a list are links and nothing else.
fn lists_links(tree: &Tree<'_>, id: NodeId, measures: &[Measure]) -> bool {
    let items = tree.children(id).filter(|&item| measures[item].text > 0);
    let (items, links) = items.fold((0, 0), |(items, links), item| {
        (items + 1, links + usize::from(measures[item].link_density() > 0.8))
    });
    links * 3 > items * 2
}
