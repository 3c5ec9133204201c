//! Maps for tests.

use super::Precompiled;

impl Precompiled {
    /// A map for tests, of keys that begin no other key. Each node has 256 units of its own for its children.
    pub(crate) fn of_entries(entries: &[(&str, &str)]) -> Self {
        let (mut nodes, mut units, mut texts) = (vec![vec![]], vec![256 << 10], String::new());
        units.resize(512, 0u32);
        for (key, text) in entries {
            let mut node: &[u8] = &[];
            for (length, &byte) in (1..).zip(key.as_bytes()) {
                let at =
                    256 * (1 + nodes.iter().position(|known| known == node).unwrap()) + usize::from(byte);
                node = &key.as_bytes()[..length];
                let child = nodes.iter().position(|known| known == node).unwrap_or(nodes.len());
                if child == nodes.len() {
                    nodes.push(node.to_vec());
                    units.resize(units.len() + 256, 0);
                }
                let children = 256 * (1 + child);
                units[at] |= ((at ^ children) as u32) << 10 | u32::from(byte);
                if length == key.len() {
                    units[at] |= 1 << 8;
                    units[children] = 1 << 31 | texts.len() as u32;
                }
            }
            texts += text;
            texts.push('\0');
        }
        let size = 4 * units.len() as u32;
        let bytes = size.to_le_bytes().into_iter().chain(units.iter().flat_map(|unit| unit.to_le_bytes()));
        Self::new(bytes.chain(texts.into_bytes()).collect()).unwrap()
    }
}
