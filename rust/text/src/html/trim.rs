//! Lines that are left in an article when all its blocks have been judged: bylines and dates before it, invitations and
//! links after it, headings of what was dropped.

use std::ops::Range;

use super::measure::weigh;
use super::tags::Tag;
use super::tree::{NodeId, Tree};

/// A line of text: what stands in one block without a break.
struct Run<'a> {
    block: NodeId,
    nodes: Range<NodeId>,
    first: &'a str,
    last: &'a str,
    text: u32,
    links: u32,
}

impl Run<'_> {
    fn ends_sentence(&self) -> bool {
        let ends = [
            '.', '!', '?', '…', '"', '\'', '”', '’', ')', ']', '»', '。', '！', '？', '」', '』', ';', ':',
            '।',
        ];
        self.last.trim_end().ends_with(ends)
    }

    fn is_prose(&self) -> bool {
        self.text >= 60 || self.ends_sentence()
    }
}

/// More short lines in a row are a list: of dates, of songs.
const MAX_LOOSE: usize = 4;

/// Drop such lines of the subtree of `root`.
pub fn trim(tree: &Tree<'_>, root: NodeId, dropped: &mut [bool]) {
    let runs = runs(tree, root, dropped);
    let mut kept: Vec<bool> = runs.iter().map(|run| !is_invitation(run)).collect();
    if let Some(title) = title(tree, &runs) {
        kept[title] = false;
    }
    if runs.iter().zip(&kept).any(|(run, &kept)| kept && run.is_prose()) {
        let loose_before = |run: &Run<'_>| is_loose(tree, run) && !tree.nodes[run.block].tag.is_heading();
        drop_first(runs.iter().zip(&mut kept), loose_before);
        drop_first(runs.iter().zip(&mut kept).rev(), |run| is_loose(tree, run));
    }
    drop_empty_headings(tree, &runs, &mut kept);
    for (run, _) in runs.iter().zip(&kept).filter(|(_, kept)| !**kept) {
        for id in run.nodes.clone().filter(|&id| tree.nodes[id].tag == Tag::TEXT) {
            dropped[id] = true;
        }
    }
}

/// The headline, if hardly anything stands before it.
fn title(tree: &Tree<'_>, runs: &[Run<'_>]) -> Option<usize> {
    let found = runs.iter().position(|run| tree.nodes[run.block].tag == Tag::H1)?;
    (runs.get(..found)?.iter().filter(|run| run.is_prose()).count() <= 1).then_some(found)
}

/// A line that may stand around an article: short, no sentence, and in no list, table, quotation or code.
fn is_loose(tree: &Tree<'_>, run: &Run<'_>) -> bool {
    let inside = [Tag::LI, Tag::TD, Tag::TH, Tag::DD, Tag::PRE, Tag::BLOCKQUOTE];
    !run.is_prose() && !inside.contains(&tree.nodes[run.block].tag)
}

/// Drop the loose lines that come first, if they are so few that they are no list of something.
fn drop_first<'r, 'a: 'r>(
    runs: impl Iterator<Item = (&'r Run<'a>, &'r mut bool)>,
    is_loose: impl Fn(&Run<'a>) -> bool,
) {
    let loose: Vec<&mut bool> =
        runs.take_while(|(run, kept)| !**kept || is_loose(run)).map(|(_, kept)| kept).collect();
    if loose.iter().filter(|kept| ***kept).count() <= MAX_LOOSE {
        for kept in loose {
            *kept = false;
        }
    }
}

/// Headings that no text follows before the next one of their level.
fn drop_empty_headings(tree: &Tree<'_>, runs: &[Run<'_>], kept: &mut [bool]) {
    let mut deepest = 0;
    for (run, kept) in runs.iter().zip(kept).rev().filter(|(_, kept)| **kept) {
        match tree.nodes[run.block].tag.heading_level() {
            None => deepest = usize::MAX,
            Some(level) if level > deepest || deepest == 0 => *kept = false,
            Some(level) if deepest == usize::MAX => deepest = level,
            Some(level) => deepest = level.min(deepest),
        }
    }
}

fn runs<'a>(tree: &Tree<'a>, root: NodeId, dropped: &[bool]) -> Vec<Run<'a>> {
    let range = tree.range(root);
    let mut runs: Vec<Run<'a>> = Vec::new();
    // The block around each node of the subtree.
    let mut blocks: Vec<u32> = vec![root as u32; range.len()];
    let mut link_end = 0;
    let mut broken = true;
    let mut id = range.start + 1;
    while id < range.end {
        let node = &tree.nodes[id];
        if dropped[id] || node.tag.is_unseen() {
            broken |= node.tag.is_block();
            id = node.end as usize;
            continue;
        }
        let around = blocks[node.parent as usize - root] as usize;
        blocks[id - root] = if node.tag.is_block() { id as u32 } else { around as u32 };
        broken |= node.tag.is_block();
        if node.tag == Tag::A {
            link_end = link_end.max(node.end as usize);
        }
        if node.tag == Tag::TEXT {
            let source = tree.text(node);
            let (text, _) = weigh(source);
            let links = if id < link_end { text } else { 0 };
            match runs.last_mut().filter(|run| !broken && run.block == around) {
                _ if text == 0 => {}
                Some(run) => {
                    run.nodes.end = id + 1;
                    run.last = source;
                    run.text += text;
                    run.links += links;
                    broken = false;
                }
                None => {
                    runs.push(Run {
                        block: around,
                        nodes: id..id + 1,
                        first: source,
                        last: source,
                        text,
                        links,
                    });
                    broken = false;
                }
            }
        }
        id += 1;
    }
    runs
}

/// How lines begin that invite to something else than to read on.
const INVITATIONS: [&str; 17] = [
    "advertisement",
    "also read",
    "click here",
    "follow us",
    "get access to",
    "like this story",
    "like us on",
    "more:",
    "read also",
    "read more",
    "related:",
    "related coverage",
    "see also",
    "share this",
    "sign up",
    "subscribe",
    "you may also like",
];

fn is_invitation(run: &Run<'_>) -> bool {
    if run.text > 160 {
        return false;
    }
    let first = run.first.trim_start_matches(|letter: char| !letter.is_alphanumeric());
    INVITATIONS
        .iter()
        .any(|start| first.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start)))
}
