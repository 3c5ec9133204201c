//! How much of a page's text stands where: in paragraphs, in links.

use ferrolm_base::{Cancel, Cancelled};

use super::tags::Tag;
use super::tree::{NodeId, Tree};

/// Nodes between two looks at the flag.
const POLL: usize = 1 << 12;

/// Of the subtree of one node.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measure {
    /// Characters that are not white space; an ideograph counts as two.
    pub text: u32,
    /// Of these, those in links.
    pub links: u32,
    /// Text that belongs to no block inside of this one, if it is a block.
    pub own_text: u32,
    pub own_links: u32,
    /// Commas and full stops in `own_text`.
    pub own_punctuation: u32,
    /// Text of the paragraphs in it, discounted where it looks like no running text.
    pub mass: f32,
    /// Of its own paragraph, if it is one.
    pub own_mass: f32,
}

impl Measure {
    pub fn link_density(&self) -> f32 {
        if self.text == 0 { 0.0 } else { self.links as f32 / self.text as f32 }
    }
}

/// Of all nodes; what is `dropped` has no text.
pub fn measure(tree: &Tree<'_>, dropped: &[bool], cancel: &Cancel) -> Result<Vec<Measure>, Cancelled> {
    let mut measures = vec![Measure::default(); tree.nodes.len()];
    add_texts(tree, dropped, &mut measures, cancel)?;
    for id in (0..tree.nodes.len()).rev() {
        let own_mass = paragraph_mass(tree.nodes[id].tag, &measures[id]);
        let own = &mut measures[id];
        own.own_mass = own_mass;
        own.mass += own_mass;
        let own = *own;
        let parent = tree.nodes[id].parent as usize;
        if parent < id {
            let parent = &mut measures[parent];
            parent.text += own.text;
            parent.links += own.links;
            parent.mass += own.mass;
        }
    }
    Ok(measures)
}

fn add_texts(
    tree: &Tree<'_>,
    dropped: &[bool],
    measures: &mut [Measure],
    cancel: &Cancel,
) -> Result<(), Cancelled> {
    // The block around each node; parents come first.
    let mut blocks = vec![0_u32; tree.nodes.len()];
    let mut link_end = 0;
    let mut id: NodeId = 0;
    while let Some(node) = tree.nodes.get(id) {
        if id.is_multiple_of(POLL) {
            cancel.check()?;
        }
        if dropped[id] || node.tag.is_unseen() {
            id = node.end as usize;
            continue;
        }
        blocks[id] = if node.tag.is_block() { id as u32 } else { blocks[node.parent as usize] };
        if node.tag == Tag::A {
            link_end = link_end.max(node.end as usize);
        } else if node.tag == Tag::TEXT {
            let (text, punctuation) = weigh(tree.text(node));
            let in_link = if id < link_end { text } else { 0 };
            measures[id].text = text;
            measures[id].links = in_link;
            let block = &mut measures[blocks[id] as usize];
            block.own_text += text;
            block.own_links += in_link;
            block.own_punctuation += punctuation;
        }
        id += 1;
    }
    Ok(())
}

/// Characters that are not white space, and marks between the parts of sentences.
pub fn weigh(text: &str) -> (u32, u32) {
    let (mut weight, mut punctuation) = (0, 0);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b',' | b'.' | b';' | b'!' | b'?' => {
                weight += 1;
                punctuation += 1;
            }
            // Ideographs, kana, Hangul, full-width forms; `。` `、` `，` are among them.
            0xe3 | 0xef => {
                let (second, third) = (bytes.next().unwrap_or_default(), bytes.next().unwrap_or_default());
                weight += 2;
                punctuation += u32::from(matches!(
                    (second, third),
                    (0x80, 0x81 | 0x82) | (0xbc, 0x8c | 0x81 | 0x9f | 0x9b)
                ));
            }
            0xe4..=0xed => weight += 2,
            0x80..=0xbf | 0..=b' ' => {}
            _ => weight += 1,
        }
    }
    (weight, punctuation)
}

/// How much the own text of a block counts as running text.
fn paragraph_mass(tag: Tag, measure: &Measure) -> f32 {
    if measure.own_text < 20 || tag.is_heading() {
        return 0.0;
    }
    let text = (measure.own_text - measure.own_links) as f32;
    let density = measure.own_links as f32 / measure.own_text as f32;
    if density > 0.5 {
        return 0.0;
    }
    let prose = if measure.own_punctuation == 0 { 0.3 } else { 1.0 };
    let place = match tag {
        Tag::P | Tag::PRE | Tag::BLOCKQUOTE => 1.0,
        Tag::LI | Tag::TD | Tag::TH | Tag::DD | Tag::DT => 0.5,
        _ => 0.8,
    };
    text * (1.0 - density) * prose * place
}
