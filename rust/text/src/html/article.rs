//! Where the article of a page is.
//!
//! Each block has a mass: its running text, less what is in links or has no punctuation. It counts for the elements
//! around, the less the farther they are, so that the element with the highest score is the nearest one around most of
//! the article, as in the readability bookmarklet (Arc90, 2009). What the author calls an element changes its score
//! (`hints`), and where an article comes in chunks, the result is the element around all of them.

use ferrolm_base::{Cancel, Cancelled};

use super::foreign::drop_foreign;
use super::hints::Hints;
use super::measure::{Measure, measure};
use super::tags::Tag;
use super::tokens::Key;
use super::tree::{NodeId, Tree};
use super::trim::trim;

/// The part of a page to be written.
pub struct Selection {
    pub root: NodeId,
    /// Nodes to leave out, with all in them.
    pub dropped: Vec<bool>,
}

/// How much of a paragraph's mass still counts one element farther out.
const DECAY: f32 = 0.7;
/// Scores of what is called the body of an article, and of what is called an article.
const BODY_BONUS: f32 = 1.5;
const ARTICLE_BONUS: f32 = 1.2;

/// `None` where the page has no running text.
pub fn find(tree: &Tree<'_>, cancel: &Cancel) -> Result<Option<Selection>, Cancelled> {
    let mut dropped: Vec<bool> =
        tree.nodes.iter().map(|node| node.tag.is_unseen() || node.tag.is_apparatus()).collect();
    let all = measure(tree, &dropped, cancel)?;
    let total = all.first().map_or(0.0, |root| root.mass);
    for (id, node) in tree.nodes.iter().enumerate() {
        dropped[id] |= is_unlikely(node.hints, all[id].mass, total);
    }
    let measures = measure(tree, &dropped, cancel)?;
    let Some(best) = best(tree, &measures) else { return Ok(None) };
    let root = climb(tree, best, &measures);
    cancel.check()?;
    drop_foreign(tree, root, &measures, &mut dropped);
    cancel.check()?;
    trim(tree, root, &mut dropped);
    Ok(Some(Selection { root, dropped }))
}

/// Whether an element is no part of an article by its name. The name is not believed where there is little else: pages
/// call their whole content so, too, and hide it until their scripts have run.
fn is_unlikely(hints: Hints, mass: f32, total: f32) -> bool {
    if hints.has(Hints::COMMENTS) && !hints.has(Hints::BODY) {
        // Comments are often longer than the article.
        return total - mass >= 300.0;
    }
    if hints.has(Hints::HIDDEN) {
        return mass < 0.8 * total;
    }
    (hints.has(Hints::FRAME) || hints.has(Hints::JUNK)) && mass < 0.4 * total
}

/// Elements that are nothing of their own: what they hold is as near to what is around them.
fn is_transparent(tag: Tag) -> bool {
    let blocks =
        [Tag::UL, Tag::OL, Tag::DL, Tag::BLOCKQUOTE, Tag::LI, Tag::TBODY, Tag::TR, Tag::DD, Tag::FIGURE];
    !tag.is_block() || blocks.contains(&tag)
}

fn is_container(tag: Tag) -> bool {
    !is_transparent(tag) && !tag.is_heading() && !matches!(tag, Tag::P | Tag::PRE)
}

/// The element whose paragraphs are most and nearest.
fn best(tree: &Tree<'_>, measures: &[Measure]) -> Option<NodeId> {
    let mut masses: Vec<f32> = measures.iter().map(|measure| measure.own_mass).collect();
    for id in (1..tree.nodes.len()).rev() {
        let own = measures[id].own_mass;
        let decay = if is_transparent(tree.nodes[id].tag) { 1.0 } else { DECAY };
        masses[tree.nodes[id].parent as usize] += own + decay * (masses[id] - own);
    }
    let mut best = (0.0, None);
    for (id, node) in tree.nodes.iter().enumerate().filter(|(_, node)| is_container(node.tag)) {
        let bonus = if node.hints.has(Hints::BODY) {
            BODY_BONUS
        } else if node.hints.has(Hints::ARTICLE) {
            ARTICLE_BONUS
        } else {
            1.0
        };
        let score = bonus * masses[id] * (1.0 - 0.5 * measures[id].link_density());
        if score > best.0 {
            best = (score, Some(id));
        }
    }
    best.1
}

/// The outermost element around `best` that has more of the article: it is called its body, or what it holds are
/// chunks with the same classes.
fn climb(tree: &Tree<'_>, best: NodeId, measures: &[Measure]) -> NodeId {
    let mut top = best;
    let mut id = best;
    while id > 0 {
        let parent = tree.nodes[id].parent as usize;
        let around = &measures[parent];
        if around.mass > 1.02 * measures[top].mass
            && around.link_density() < 0.4
            && (tree.nodes[parent].hints.has(Hints::BODY) || has_twin(tree, id, measures))
        {
            top = parent;
        }
        id = parent;
    }
    top
}

/// Whether a sibling with paragraphs has the classes of this element.
fn has_twin(tree: &Tree<'_>, id: NodeId, measures: &[Measure]) -> bool {
    let node = &tree.nodes[id];
    let class = tree.attribute(node, Key::Class).filter(|class| !class.is_empty());
    class.is_some()
        && tree.children(node.parent as usize).any(|sibling| {
            let other = &tree.nodes[sibling];
            sibling != id
                && other.tag == node.tag
                && measures[sibling].mass > 100.0
                && tree.attribute(other, Key::Class) == class
        })
}
