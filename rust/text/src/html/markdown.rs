//! A subtree as Markdown (`CommonMark`, tables of GitHub): headings, lists, quotations, code, tables, links, emphasis.
//! Pictures are left out.

use ferrolm_base::{Cancel, Cancelled};

use super::entities::decode;
use super::markdown_writer::{Gap, Writer};
use super::tags::Tag;
use super::tokens::Key;
use super::tree::{NodeId, Tree};

/// Nodes between two looks at the flag.
const POLL: usize = 1 << 12;

pub fn of_tree(
    tree: &Tree<'_>,
    root: NodeId,
    dropped: &[bool],
    cancel: &Cancel,
) -> Result<String, Cancelled> {
    let holds_block = holds_block(tree);
    let mut page = Page { tree, dropped, holds_block, cancel, visited: 0, emphasis: 0, strong: 0, link: 0 };
    let mut writer = Writer::new();
    page.node(root, &mut writer)?;
    Ok(writer.finish())
}

/// Which nodes have a block inside: markers of words do not reach over blocks.
fn holds_block(tree: &Tree<'_>) -> Vec<bool> {
    let mut holds = vec![false; tree.nodes.len()];
    for id in (1..tree.nodes.len()).rev() {
        let node = &tree.nodes[id];
        let here = (node.tag.is_block() && node.tag != Tag::BR) || holds[id];
        holds[node.parent as usize] |= here;
    }
    holds
}

struct Page<'t, 'a> {
    tree: &'t Tree<'a>,
    dropped: &'t [bool],
    holds_block: Vec<bool>,
    cancel: &'t Cancel,
    visited: usize,
    /// How often these are open: they do not nest.
    emphasis: usize,
    strong: usize,
    link: usize,
}

impl Page<'_, '_> {
    /// Recursive: trees are no deeper than 512.
    fn node(&mut self, id: NodeId, writer: &mut Writer) -> Result<(), Cancelled> {
        self.visited += 1;
        if self.visited.is_multiple_of(POLL) {
            self.cancel.check()?;
        }
        let node = &self.tree.nodes[id];
        if self.dropped[id] || node.tag.is_unseen() {
            if node.tag.is_block() {
                writer.gap(Gap::Block);
            }
            return Ok(());
        }
        match node.tag {
            Tag::TEXT => writer.words(self.tree.text(node)),
            Tag::BR => writer.gap(Gap::Break),
            Tag::HR if !writer.is_in_cell() => self.block(writer, |_, writer| {
                writer.raw("---");
                Ok(())
            })?,
            Tag::PRE | Tag::XMP => self.block(writer, |page, writer| {
                page.fence(id, writer);
                Ok(())
            })?,
            Tag::CODE | Tag::KBD | Tag::SAMP | Tag::TT if !self.holds_block[id] => self.code(id, writer),
            Tag::BLOCKQUOTE => self.prefixed(id, "> ", "> ", Gap::Block, writer)?,
            Tag::UL | Tag::OL | Tag::MENU => self.list(id, writer)?,
            Tag::LI => self.prefixed(id, "- ", "  ", Gap::Line, writer)?,
            Tag::TABLE => self.table(id, writer)?,
            Tag::DT | Tag::DD => self.prefixed(id, "", "", Gap::Line, writer)?,
            Tag::A if !self.holds_block[id] => self.link(id, writer)?,
            Tag::EM | Tag::I if !self.holds_block[id] => {
                self.marked(id, "*", |page| &mut page.emphasis, writer)?;
            }
            Tag::STRONG | Tag::B if !self.holds_block[id] => {
                self.marked(id, "**", |page| &mut page.strong, writer)?;
            }
            tag if tag.is_heading() => self.heading(id, tag.heading_level().unwrap_or(1), writer)?,
            tag if tag.is_block() => self.block(writer, |page, writer| page.children(id, writer))?,
            _ => self.children(id, writer)?,
        }
        Ok(())
    }

    fn children(&mut self, id: NodeId, writer: &mut Writer) -> Result<(), Cancelled> {
        let tree = self.tree;
        tree.children(id).try_for_each(|child| self.node(child, writer))
    }

    fn block(
        &mut self,
        writer: &mut Writer,
        write: impl FnOnce(&mut Self, &mut Writer) -> Result<(), Cancelled>,
    ) -> Result<(), Cancelled> {
        writer.gap(Gap::Block);
        write(self, writer)?;
        writer.gap(Gap::Block);
        Ok(())
    }

    fn prefixed(
        &mut self,
        id: NodeId,
        first: &str,
        rest: &str,
        gap: Gap,
        writer: &mut Writer,
    ) -> Result<(), Cancelled> {
        writer.gap(gap);
        writer.push_prefix(first, rest);
        self.children(id, writer)?;
        writer.pop_prefix();
        writer.gap(gap);
        Ok(())
    }

    /// A list inside of an item follows its text without an empty line.
    fn list(&mut self, id: NodeId, writer: &mut Writer) -> Result<(), Cancelled> {
        let tree = self.tree;
        let node = &tree.nodes[id];
        let inside = self.tree.nodes[node.parent as usize].tag == Tag::LI;
        let gap = if inside { Gap::Line } else { Gap::Block };
        let start = self.tree.attribute(node, Key::Start).and_then(|start| start.trim().parse::<u32>().ok());
        let mut number = start.unwrap_or(1);
        writer.gap(gap);
        for child in tree.children(id) {
            if node.tag == Tag::OL && self.tree.nodes[child].tag == Tag::LI && !self.dropped[child] {
                let marker = format!("{number}. ");
                self.prefixed(child, &marker, &" ".repeat(marker.len()), Gap::Line, writer)?;
                number = number.saturating_add(1);
            } else {
                self.node(child, writer)?;
            }
        }
        writer.gap(gap);
        Ok(())
    }

    fn heading(&mut self, id: NodeId, level: usize, writer: &mut Writer) -> Result<(), Cancelled> {
        if writer.is_in_cell() {
            return self.block(writer, |page, writer| page.children(id, writer));
        }
        let text = self.line(id)?;
        if !text.is_empty() {
            writer.gap(Gap::Block);
            writer.raw(&format!("{} {text}", &"######"[..level.min(6)]));
            writer.gap(Gap::Block);
        }
        Ok(())
    }

    /// All of a subtree on one line.
    fn line(&mut self, id: NodeId) -> Result<String, Cancelled> {
        let mut result = Ok(());
        let text = Writer::cell(|cell| result = self.children(id, cell));
        result.map(|()| text)
    }

    fn marked(
        &mut self,
        id: NodeId,
        marker: &'static str,
        depth: impl Fn(&mut Self) -> &mut usize,
        writer: &mut Writer,
    ) -> Result<(), Cancelled> {
        *depth(self) += 1;
        let outermost = *depth(self) == 1;
        if outermost {
            writer.open(marker);
        }
        self.children(id, writer)?;
        if outermost {
            writer.close(marker);
        }
        *depth(self) -= 1;
        Ok(())
    }

    fn link(&mut self, id: NodeId, writer: &mut Writer) -> Result<(), Cancelled> {
        let target = self.tree.attribute(&self.tree.nodes[id], Key::Href).map(decode);
        let target = target.as_deref().map(str::trim).filter(|target| is_followed(target) && self.link == 0);
        let Some(target) = target else { return self.children(id, writer) };
        self.link += 1;
        writer.open("[");
        self.children(id, writer)?;
        let plain = !target
            .contains(|letter: char| letter.is_whitespace() || matches!(letter, '(' | ')' | '<' | '>'));
        writer.close(&if plain {
            format!("]({target})")
        } else {
            let target: String = target.split_whitespace().collect::<Vec<_>>().join("%20");
            format!("](<{}>)", target.replace('<', "%3C").replace('>', "%3E"))
        });
        self.link -= 1;
        Ok(())
    }

    fn code(&self, id: NodeId, writer: &mut Writer) {
        let text = self.plain_text(id);
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.is_empty() {
            return;
        }
        if text.starts_with(char::is_whitespace) {
            writer.gap(Gap::Space);
        }
        let text = words.join(" ");
        let ticks = "`".repeat(longest_run(&text, '`') + 1);
        let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
        let text = if writer.is_in_cell() { text.replace('|', "\\|") } else { text };
        writer.raw(&format!("{ticks}{space}{text}{space}{ticks}"));
    }

    fn fence(&self, id: NodeId, writer: &mut Writer) {
        let text = self.plain_text(id);
        let text = text.strip_prefix('\n').unwrap_or(&text).trim_end();
        if text.trim().is_empty() {
            return;
        }
        if writer.is_in_cell() {
            writer.words(&text.replace('&', "&amp;"));
            return;
        }
        let fence = "`".repeat(longest_run(text, '`').max(2) + 1);
        let language = self.language(id);
        writer.raw(&format!("{fence}{language}"));
        writer.raw_lines(text);
        writer.raw_lines(&fence);
    }

    /// Of code, from classes like `language-python`.
    fn language(&self, id: NodeId) -> &str {
        let nodes = self.tree.range(id).take(3).filter_map(|id| self.tree.nodes.get(id));
        let classes = nodes
            .filter(|node| node.tag != Tag::TEXT)
            .filter_map(|node| self.tree.attribute(node, Key::Class))
            .flat_map(str::split_ascii_whitespace);
        let mut languages =
            classes.filter_map(|class| class.strip_prefix("language-").or(class.strip_prefix("lang-")));
        let word =
            |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+#-_.".contains(&byte));
        languages.find(word).unwrap_or_default()
    }

    fn plain_text(&self, id: NodeId) -> String {
        let mut text = String::new();
        let range = self.tree.range(id);
        let mut id = range.start;
        while id < range.end {
            let node = &self.tree.nodes[id];
            if self.dropped[id] || node.tag.is_unseen() {
                id = node.end as usize;
                continue;
            }
            match node.tag {
                Tag::TEXT => text.push_str(&decode(self.tree.text(node)).replace("\r\n", "\n")),
                Tag::BR => text.push('\n'),
                _ => {}
            }
            id += 1;
        }
        text
    }

    /// A table of data as rows of cells; one that holds the parts of a page as these parts.
    fn table(&mut self, id: NodeId, writer: &mut Writer) -> Result<(), Cancelled> {
        if writer.is_in_cell() {
            return self.block(writer, |page, writer| page.children(id, writer));
        }
        let rows = self.rows(id);
        let columns = rows.as_ref().map_or(0, |rows| rows.iter().map(Vec::len).max().unwrap_or(0));
        let Some(rows) = rows.filter(|_| columns >= 2) else {
            return self.block(writer, |page, writer| page.children(id, writer));
        };
        writer.gap(Gap::Block);
        for (index, row) in rows.iter().enumerate() {
            let mut line = String::from("|");
            for column in 0..columns {
                let text = row.get(column).map(|&cell| self.line(cell)).transpose()?.unwrap_or_default();
                line.push(' ');
                line.push_str(&text);
                line.push_str(if text.is_empty() { "|" } else { " |" });
            }
            writer.gap(Gap::Line);
            writer.raw(&line);
            if index == 0 {
                writer.gap(Gap::Line);
                writer.raw(&format!("|{}", " --- |".repeat(columns)));
            }
        }
        writer.gap(Gap::Block);
        Ok(())
    }

    /// The cells of a table of data: no table inside, at least two rows, which are about as long as each other.
    fn rows(&self, table: NodeId) -> Option<Vec<Vec<NodeId>>> {
        let mut rows: Vec<Vec<NodeId>> = Vec::new();
        let mut cells = 0;
        let range = self.tree.range(table);
        let mut id = range.start + 1;
        while id < range.end {
            let node = &self.tree.nodes[id];
            if self.dropped[id] {
                id = node.end as usize;
                continue;
            }
            match node.tag {
                Tag::TABLE | Tag::UL | Tag::OL | Tag::PRE | Tag::BLOCKQUOTE | Tag::CAPTION => return None,
                Tag::TR => rows.push(Vec::new()),
                Tag::TD | Tag::TH => {
                    cells += 1;
                    rows.last_mut()?.push(id);
                }
                _ => {}
            }
            id += 1;
        }
        rows.retain(|row| !row.is_empty());
        let columns = rows.iter().map(Vec::len).max()?;
        (rows.len() >= 2 && rows.len() * columns <= 4 * cells).then_some(rows)
    }
}

fn is_followed(target: &str) -> bool {
    let is =
        |scheme: &str| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    !target.is_empty() && !target.starts_with('#') && !is("javascript:") && !is("data:")
}

fn longest_run(text: &str, letter: char) -> usize {
    text.split(|other| other != letter).map(str::len).max().unwrap_or(0)
}
