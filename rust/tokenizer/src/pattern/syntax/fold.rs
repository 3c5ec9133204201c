//! `(?i)`: characters of the other case, also where one character stands for several (ß for ss).

use regex_syntax::hir::ClassUnicode;

use super::fold_table::LONGER;
use super::{Node, contains, single};

/// Ways to write one literal beyond which it is refused: `(?i)ssssssss` has hundreds.
const MAX_FORMS: usize = 256;

/// Add the other cases of the characters of `class`.
pub(super) fn close(class: &mut ClassUnicode) {
    // It fails only where the tables of the crate are compiled out.
    let _ = class.try_case_fold_simple();
}

/// A character in all its cases.
fn cases(character: char) -> ClassUnicode {
    let mut class = single(character);
    close(&mut class);
    class
}

/// The longer foldings of characters of `class` as alternatives, to be tried after it.
pub(super) fn longer(class: &ClassUnicode) -> Vec<Node> {
    let mut closed = class.clone();
    close(&mut closed);
    LONGER
        .iter()
        .filter(|(character, _)| contains(&closed, *character))
        .map(|(_, folded)| Node::Concat(folded.chars().map(|part| Node::Class(cases(part))).collect()))
        .collect()
}

/// Characters in a row, in any case.
pub(super) fn literal(characters: &[char]) -> Result<Node, String> {
    let mut forms = 0;
    rest(characters, &mut forms)
        .ok_or_else(|| format!("more than {MAX_FORMS} ways to write a literal in any case"))
}

fn rest(characters: &[char], forms: &mut usize) -> Option<Node> {
    let Some((&first, others)) = characters.split_first() else {
        *forms += 1;
        return (*forms <= MAX_FORMS).then_some(Node::Empty);
    };
    // What comes first is one character for one; then it for several, and several for one.
    let class = cases(first);
    let folded = LONGER.iter().find(|(character, _)| contains(&class, *character));
    let mut ways = vec![(vec![class], others)];
    if let Some((_, folded)) = folded {
        ways.push((folded.chars().map(cases).collect(), others));
    }
    for length in 2..=3 {
        let Some((start, others)) = characters.split_at_checked(length) else { break };
        let mut composed = ClassUnicode::empty();
        for (character, folded) in LONGER {
            let same = folded.chars().count() == length
                && folded.chars().zip(start).all(|(part, &given)| contains(&cases(part), given));
            if same {
                composed.union(&cases(character));
            }
        }
        if !composed.ranges().is_empty() {
            ways.push((vec![composed], others));
        }
    }
    let way = |(classes, others): (Vec<ClassUnicode>, &[char])| {
        let mut nodes: Vec<Node> = classes.into_iter().map(Node::Class).collect();
        match rest(others, forms)? {
            Node::Empty => {}
            Node::Concat(more) => nodes.extend(more),
            other => nodes.push(other),
        }
        Some(Node::Concat(nodes))
    };
    let mut nodes: Vec<Node> = ways.into_iter().map(way).collect::<Option<_>>()?;
    if nodes.len() == 1 { nodes.pop() } else { Some(Node::Alternate(nodes)) }
}
