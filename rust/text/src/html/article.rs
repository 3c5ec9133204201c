//! Where the article of a page is, and what in it is not part of it.

use ferrolm_base::{Cancel, Cancelled};

use super::hints::Hints;
use super::measure::{Measure, measure};
use super::tags::Tag;
use super::tokens::Key;
use super::tree::{NodeId, Tree};

/// The part of a page to be written.
pub struct Selection {
    pub root: NodeId,
    /// Nodes to leave out, with all in them.
    pub dropped: Vec<bool>,
}

pub fn find(tree: &Tree<'_>, cancel: &Cancel) -> Result<Option<Selection>, Cancelled> {
    let mut dropped: Vec<bool> =
        tree.nodes.iter().map(|node| node.tag.is_unseen() || node.tag.is_apparatus()).collect();
    let all = measure(tree, &dropped, cancel)?;
    let total = all.first().map_or(0.0, |root| root.mass);
    for (id, node) in tree.nodes.iter().enumerate() {
        dropped[id] |= is_unlikely(node.hints, all[id].mass, total);
    }
    let measures = measure(tree, &dropped, cancel)?;
    let Some(root) = best(tree, &measures, &dropped) else { return Ok(None) };
    let root = climb(tree, root, &measures);
    filter(tree, root, &measures, &mut dropped);
    super::trim::trim(tree, root, &mut dropped);
    Ok(Some(Selection { root, dropped }))
}

/// Whether what is called something else than article is nothing else: pages call their whole body so, too.
fn is_unlikely(hints: Hints, mass: f32, total: f32) -> bool {
    if hints.has(Hints::COMMENTS) && !hints.has(Hints::BODY) {
        return total - mass >= 300.0;
    }
    if hints.has(Hints::HIDDEN) {
        return mass < 0.8 * total;
    }
    (hints.has(Hints::FRAME) || hints.has(Hints::JUNK)) && mass < 0.4 * total
}

const DECAY: f32 = 0.7;

fn is_transparent(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::UL
            | Tag::OL
            | Tag::DL
            | Tag::BLOCKQUOTE
            | Tag::LI
            | Tag::TBODY
            | Tag::TR
            | Tag::DD
            | Tag::FIGURE
    ) || !tag.is_block()
}

/// The node whose paragraphs are most and nearest.
fn best(tree: &Tree<'_>, measures: &[Measure], _dropped: &[bool]) -> Option<NodeId> {
    let mut scores: Vec<f32> = measures.iter().map(|measure| measure.own_mass).collect();
    for id in (1..tree.nodes.len()).rev() {
        let own = measures[id].own_mass;
        let decay = if is_transparent(tree.nodes[id].tag) { 1.0 } else { DECAY };
        let up = own + decay * (scores[id] - own);
        scores[tree.nodes[id].parent as usize] += up;
    }
    let mut best = (0.0, None);
    for (id, node) in tree.nodes.iter().enumerate() {
        if is_transparent(node.tag) || matches!(node.tag, Tag::P | Tag::PRE) || node.tag.is_heading() {
            continue;
        }
        let mut score = scores[id] * (1.0 - 0.5 * measures[id].link_density());
        if node.hints.has(Hints::BODY) {
            score *= 1.5;
        } else if node.hints.has(Hints::ARTICLE) {
            score *= 1.2;
        }
        if score > best.0 {
            best = (score, Some(id));
        }
    }
    best.1
}

/// The nearest node around `root` that has more of the article: articles come in chunks.
fn climb(tree: &Tree<'_>, root: NodeId, measures: &[Measure]) -> NodeId {
    let mut top = root;
    let mut id = root;
    while id > 0 {
        let parent = tree.nodes[id].parent as usize;
        let node = &tree.nodes[parent];
        let gains = measures[parent].mass > 1.02 * measures[top].mass;
        if gains
            && measures[parent].link_density() < 0.4
            && (node.hints.has(Hints::BODY) || has_twin(tree, id, measures))
        {
            top = parent;
        }
        id = parent;
    }
    top
}

/// Whether a sibling with paragraphs has the classes of this node.
fn has_twin(tree: &Tree<'_>, id: NodeId, measures: &[Measure]) -> bool {
    let node = &tree.nodes[id];
    let Some(class) = tree.attribute(node, Key::Class).filter(|class| !class.is_empty()) else {
        return false;
    };
    let parent = tree.range(node.parent as usize);
    let mut sibling = parent.start + 1;
    while sibling < parent.end {
        let other = &tree.nodes[sibling];
        if sibling != id
            && other.tag == node.tag
            && measures[sibling].mass > 100.0
            && tree.attribute(other, Key::Class) == Some(class)
        {
            return true;
        }
        sibling = other.end as usize;
    }
    false
}

/// Drop what stands in the article without being of it.
fn filter(tree: &Tree<'_>, root: NodeId, measures: &[Measure], dropped: &mut [bool]) {
    let range = tree.range(root);
    let whole = measures[root];
    let mut id = range.start + 1;
    while id < range.end {
        let node = &tree.nodes[id];
        if dropped[id] || is_foreign(tree, id, measures, &whole) {
            dropped[id] = true;
            id = node.end as usize;
            continue;
        }
        id += 1;
    }
}

/// Themes also put author and category of an article into the classes of the article itself.
fn is_about(hints: Hints) -> bool {
    hints.has(Hints::ABOUT) && !hints.has(Hints::ARTICLE) && !hints.has(Hints::BODY)
}

/// Whether most items of a list are links and nothing else.
fn lists_links(tree: &Tree<'_>, id: NodeId, measures: &[Measure]) -> bool {
    let range = tree.range(id);
    let (mut items, mut links) = (0, 0);
    let mut child = range.start + 1;
    while child < range.end {
        items += usize::from(measures[child].text > 0);
        links += usize::from(measures[child].text > 0 && measures[child].link_density() > 0.8);
        child = tree.nodes[child].end as usize;
    }
    links * 3 > items * 2
}

fn is_foreign(tree: &Tree<'_>, id: NodeId, measures: &[Measure], whole: &Measure) -> bool {
    let node = &tree.nodes[id];
    let measure = &measures[id];
    if measure.mass > 0.4 * whole.mass {
        return false;
    }
    if node.hints.has(Hints::CAPTION) || is_about(node.hints) {
        return true;
    }
    if !node.tag.is_block() {
        return false;
    }
    match node.tag {
        Tag::FORM => true,
        Tag::UL | Tag::OL if lists_links(tree, id, measures) => true,
        Tag::UL | Tag::OL | Tag::DIV | Tag::SECTION | Tag::TABLE | Tag::DL => measure.link_density() > 0.5,
        Tag::P => {
            measure.link_density() > 0.9 || (measure.link_density() > 0.5 && measure.own_punctuation == 0)
        }
        _ => false,
    }
}
