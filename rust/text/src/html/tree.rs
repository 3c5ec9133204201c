//! A page as a tree: nodes in the order of the page, so that a subtree is a range of them.
//!
//! Repairs what authors leave out much as the HTML standard does (implied end tags, stray end tags, scopes of tables,
//! formatting that ends among blocks), in time linear in the page: elements are at most 512 deep, as in Chromium, where
//! deeper ones become siblings, and the elements that are open are also kept as bytes, which `memrchr` searches.
//! Unlike in the standard, text between the cells of a table stays there, and formatting is not taken up again in the
//! next paragraph.

use std::ops::Range;

use ferrolm_base::{Cancel, Cancelled};
use memchr::memrchr;

use super::hints::Hints;
use super::tags::Tag;
use super::tokens::{Attribute, Key, Token, Tokens};

/// Elements around an element, at most.
const MAX_DEPTH: usize = 512;
/// Blocks that go on after the end of formatting that they are in; with more, the end is ignored.
const MAX_REOPENED: usize = 8;
/// Real pages have some thousand; what is beyond could take ten times the memory of the page.
const MAX_NODES: usize = 4_000_000;
/// Tokens between two looks at the flag.
const POLL: usize = 1 << 12;

pub type NodeId = usize;

#[derive(Debug, Clone)]
pub struct Node {
    pub tag: Tag,
    pub hints: Hints,
    pub parent: u32,
    /// One past the last node of its subtree.
    pub end: u32,
    /// Bytes of the source for text; attributes by number for elements.
    content: (u32, u32),
}

#[derive(Debug)]
pub struct Tree<'a> {
    pub source: &'a str,
    pub nodes: Vec<Node>,
    attributes: Vec<(Key, u32, u32)>,
}

impl<'a> Tree<'a> {
    /// `None` if the page has too many elements for a tree, or more than 4 GB.
    pub fn parse(source: &'a str, cancel: &Cancel) -> Result<Option<Self>, Cancelled> {
        if u32::try_from(source.len()).is_err() {
            return Ok(None);
        }
        let mut builder = Builder::new(source);
        let mut tokens = Tokens::new(source, cancel);
        let mut count = 0_usize;
        while let Some(token) = tokens.next() {
            builder.add(token, &tokens.attributes);
            count += 1;
            if count.is_multiple_of(POLL) {
                cancel.check()?;
                if builder.tree.nodes.len() > MAX_NODES {
                    return Ok(None);
                }
            }
        }
        cancel.check()?;
        Ok(Some(builder.finish()))
    }

    /// The source of a text node.
    pub fn text(&self, node: &Node) -> &'a str {
        self.source.get(node.content.0 as usize..node.content.1 as usize).unwrap_or_default()
    }

    /// The source of the value of an element's attribute.
    pub fn attribute(&self, node: &Node, name: Key) -> Option<&'a str> {
        let attributes = self.attributes.get(node.content.0 as usize..node.content.1 as usize)?;
        let &(_, start, end) = attributes.iter().find(|attribute| attribute.0 == name)?;
        self.source.get(start as usize..end as usize)
    }

    pub fn range(&self, id: NodeId) -> Range<NodeId> {
        id..self.nodes.get(id).map_or(id, |node| node.end as usize)
    }
}

impl Tree<'_> {
    pub fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let end = self.range(id).end;
        let within = move |child: &NodeId| *child < end;
        std::iter::successors(Some(id + 1).filter(within), move |&child| {
            Some(self.range(child).end).filter(within)
        })
    }
}

struct Open {
    node: u32,
    /// How many of the open elements up to this one, itself included, form the last barrier and the last table.
    barrier: u16,
    table: u16,
}

struct Builder<'a> {
    tree: Tree<'a>,
    open: Vec<Open>,
    /// The tags of `open`, as bytes.
    tags: Vec<u8>,
    /// How often each tag is open.
    counts: [u16; 256],
    body_seen: bool,
}

impl<'a> Builder<'a> {
    fn new(source: &'a str) -> Self {
        // Real pages have one node in 25 bytes or so.
        let nodes = Vec::with_capacity(source.len().min(1 << 24) / 24 + 2);
        let tree = Tree { source, nodes, attributes: Vec::new() };
        let mut builder =
            Self { tree, open: Vec::new(), tags: Vec::new(), counts: [0; 256], body_seen: false };
        builder.push(Tag::HTML, Hints::default(), (0, 0));
        builder
    }

    fn add(&mut self, token: Token, attributes: &[Attribute]) {
        match token {
            Token::Text(text) => self.text(text),
            Token::Raw(content) => self.append(Tag::TEXT, Hints::default(), as_u32(&content)),
            Token::Start { tag, self_closing } => self.start(tag, self_closing, attributes),
            Token::End(tag) => self.end(tag),
        }
    }

    fn text(&mut self, text: Range<usize>) {
        if self.is_in_head() && !self.tree.source[text.clone()].trim_ascii().is_empty() {
            self.close_to_last(Tag::HEAD);
        }
        self.append(Tag::TEXT, Hints::default(), as_u32(&text));
    }

    /// Templates may hold what else ends a head.
    fn is_in_head(&self) -> bool {
        self.is_open(Tag::HEAD) && !self.is_open(Tag::TEMPLATE)
    }

    fn append(&mut self, tag: Tag, hints: Hints, content: (u32, u32)) {
        let parent = self.open.last().map_or(0, |open| open.node);
        let end = self.tree.nodes.len() as u32 + 1;
        self.tree.nodes.push(Node { tag, hints, parent, end, content });
    }

    fn push(&mut self, tag: Tag, hints: Hints, content: (u32, u32)) {
        if self.open.len() >= MAX_DEPTH {
            self.pop();
        }
        let node = self.tree.nodes.len() as u32;
        self.append(tag, hints, content);
        let depth = self.open.len() as u16 + 1;
        let (barrier, table) = self.open.last().map_or((0, 0), |open| (open.barrier, open.table));
        self.open.push(Open {
            node,
            barrier: if tag.is_barrier() { depth } else { barrier },
            table: if tag == Tag::TABLE { depth } else { table },
        });
        self.tags.push(tag.byte());
        self.counts[tag.byte() as usize] += 1;
    }

    fn pop(&mut self) {
        let end = self.tree.nodes.len() as u32;
        if let (Some(open), Some(tag)) = (self.open.pop(), self.tags.pop()) {
            self.counts[tag as usize] -= 1;
            if let Some(node) = self.tree.nodes.get_mut(open.node as usize) {
                node.end = end;
            }
        }
    }

    fn close_to(&mut self, depth: usize) {
        while self.open.len() > depth.max(1) {
            self.pop();
        }
    }

    fn is_open(&self, tag: Tag) -> bool {
        self.counts[tag.byte() as usize] > 0
    }

    /// How many elements are open outside the innermost `tag`.
    fn last(&self, tag: Tag) -> Option<usize> {
        if self.is_open(tag) { memrchr(tag.byte(), &self.tags) } else { None }
    }

    fn barrier(&self) -> usize {
        self.open.last().map_or(0, |open| usize::from(open.barrier))
    }

    fn table(&self) -> usize {
        self.open.last().map_or(0, |open| usize::from(open.table))
    }

    /// How many elements are open up to the innermost template, itself included.
    fn template(&self) -> usize {
        self.last(Tag::TEMPLATE).map_or(0, |depth| depth + 1)
    }

    fn close_to_last(&mut self, tag: Tag) {
        if let Some(depth) = self.last(tag) {
            self.close_to(depth);
        }
    }

    /// Close the innermost `tag` if it is not outside of the first `outside` open elements.
    fn close_within(&mut self, tag: Tag, outside: usize) {
        if let Some(depth) = self.last(tag).filter(|&depth| depth >= outside) {
            self.close_to(depth);
        }
    }

    fn start(&mut self, tag: Tag, self_closing: bool, attributes: &[Attribute]) {
        if self.is_ignored(tag) {
            return;
        }
        if tag == Tag::HTML {
            self.merge_into_root(attributes);
            return;
        }
        self.close_implied(tag);
        if tag.is_void() && !matches!(tag, Tag::BR | Tag::HR | Tag::IMG | Tag::META) {
            return;
        }
        let hints = Hints::of(self.tree.source, tag, attributes);
        let content = self.keep(attributes);
        if tag.is_void() || (self_closing && self.is_open(Tag::SVG)) {
            self.append(tag, hints, content);
        } else {
            self.push(tag, hints, content);
        }
    }

    fn is_ignored(&mut self, tag: Tag) -> bool {
        match tag {
            Tag::HEAD => self.body_seen || self.is_open(Tag::HEAD),
            Tag::BODY => std::mem::replace(&mut self.body_seen, true),
            // What is drawn has names of its own; only a known name may end an unclosed drawing.
            _ => tag.is_other() && self.is_open(Tag::SVG) && self.open.len() >= MAX_DEPTH / 2,
        }
    }

    fn merge_into_root(&mut self, attributes: &[Attribute]) {
        let content = self.keep(attributes);
        if let Some(root) = self.tree.nodes.first_mut().filter(|root| root.content.0 == root.content.1) {
            root.content = content;
        }
    }

    fn keep(&mut self, attributes: &[Attribute]) -> (u32, u32) {
        let start = self.tree.attributes.len() as u32;
        self.tree.attributes.extend(attributes.iter().map(|attribute| {
            let (start, end) = as_u32(&attribute.value);
            (attribute.key, start, end)
        }));
        (start, self.tree.attributes.len() as u32)
    }

    /// Close what the start of `tag` ends.
    fn close_implied(&mut self, tag: Tag) {
        if !tag.is_head_part() && self.is_in_head() {
            self.close_to_last(Tag::HEAD);
        }
        if tag.is_block() {
            self.close_within(Tag::SVG, self.template());
        }
        if tag.ends_paragraph() {
            self.close_within(Tag::SELECT, self.template());
            self.close_within(Tag::P, self.barrier());
        }
        match tag {
            Tag::LI => self.close_item(&[Tag::LI], &[Tag::UL, Tag::OL, Tag::MENU]),
            Tag::DT | Tag::DD => self.close_item(&[Tag::DT, Tag::DD], &[Tag::DL]),
            Tag::TD | Tag::TH => self.close_item(&[Tag::TD, Tag::TH], &[Tag::TABLE]),
            Tag::TR => self.close_item(&[Tag::TR, Tag::CAPTION], &[Tag::TABLE]),
            Tag::TBODY | Tag::THEAD | Tag::TFOOT => {
                self.close_item(&[Tag::TBODY, Tag::THEAD, Tag::TFOOT, Tag::CAPTION], &[Tag::TABLE]);
            }
            // Drawings may have links inside of a link.
            Tag::A | Tag::BUTTON | Tag::NOBR if !self.is_open(Tag::SVG) => {
                if let Some(depth) = self.last(tag).filter(|&depth| depth >= self.barrier()) {
                    self.close_formatting(depth);
                }
            }
            Tag::OPTION | Tag::OPTGROUP => self.close_within(Tag::OPTION, self.barrier()),
            _ if tag.is_heading() => {
                let top = self.tags.last().copied().unwrap_or_default();
                if (Tag::H1.byte()..=Tag::H6.byte()).contains(&top) {
                    self.pop();
                }
            }
            _ => {}
        }
    }

    /// Close the outermost of `siblings` that is inside the innermost of `around`.
    fn close_item(&mut self, siblings: &[Tag], around: &[Tag]) {
        let around = around.iter().chain(&[Tag::TEMPLATE]);
        let outside = around.filter_map(|&tag| self.last(tag)).max().map_or(0, |depth| depth + 1);
        let inside = self.tags.get(outside..).unwrap_or_default();
        let innermost = siblings.iter().filter(|&&tag| self.is_open(tag));
        let depth = innermost.filter_map(|&tag| memrchr(tag.byte(), inside)).min();
        if let Some(depth) =
            depth.filter(|&depth| siblings[0] != Tag::LI || outside + depth >= self.barrier())
        {
            self.close_to(outside + depth);
        }
    }

    fn end(&mut self, tag: Tag) {
        if tag == Tag::BR {
            self.append(Tag::BR, Hints::default(), (0, 0));
        }
        let outside = if tag == Tag::TABLE {
            0
        } else if tag.is_table_part() {
            self.table()
        } else {
            self.barrier()
        };
        // A barrier may be closed itself.
        let outside = if tag.is_barrier() { outside.saturating_sub(1) } else { outside };
        // As may a template.
        let outside = outside.max(self.template() - usize::from(tag == Tag::TEMPLATE && self.template() > 0));
        let heading = tag.is_heading() && !self.is_open(tag);
        let depth = if heading { self.open_heading() } else { self.last(tag) };
        match depth.filter(|&depth| depth >= outside) {
            Some(_) if matches!(tag, Tag::HTML | Tag::BODY) => {}
            Some(depth) if tag.is_formatting() => self.close_formatting(depth),
            Some(depth) => self.close_to(depth),
            None => {}
        }
    }

    /// A heading that is open at the top: `<h2>...</h3>` is meant to end it.
    fn open_heading(&self) -> Option<usize> {
        let top = self.tags.last().copied()?;
        (Tag::H1.byte()..=Tag::H6.byte()).contains(&top).then(|| self.tags.len() - 1)
    }

    /// Close formatting at `depth`; the blocks in it that are open go on beside it.
    fn close_formatting(&mut self, depth: usize) {
        let inside = self.open.get(depth + 1..).unwrap_or_default();
        let nodes = inside.iter().filter_map(|open| self.tree.nodes.get(open.node as usize));
        let blocks: Vec<Node> =
            nodes.filter(|node| node.tag.is_block()).take(MAX_REOPENED + 1).cloned().collect();
        if blocks.len() > MAX_REOPENED {
            return;
        }
        self.close_to(depth);
        for block in blocks {
            self.push(block.tag, block.hints, block.content);
        }
    }

    fn finish(mut self) -> Tree<'a> {
        while !self.open.is_empty() {
            self.pop();
        }
        self.tree
    }
}

fn as_u32(range: &Range<usize>) -> (u32, u32) {
    (range.start as u32, range.end as u32)
}
