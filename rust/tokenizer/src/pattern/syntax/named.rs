//! Classes by name, as the reference's engine knows them: Unicode 16.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange, HirKind};

/// What `\p{name}` stands for.
pub(super) fn property(name: &str, in_class: bool) -> Option<ClassUnicode> {
    let name: String = name
        .chars()
        .filter(|character| !matches!(character, ' ' | '_' | '-'))
        .map(|character| character.to_ascii_lowercase())
        .collect();
    match name.as_str() {
        // Here punctuation is without symbols, in a POSIX bracket with them.
        "punct" => unicode("P"),
        "cs" | "surrogate" => Some(ClassUnicode::empty()),
        "word" => Some(word(in_class)),
        _ if is_posix(&name) => posix(&name),
        _ if !name.is_empty() && name.chars().all(|character| character.is_ascii_alphanumeric()) => {
            // The other engine knows names with this prefix, the reference's does not.
            if name.starts_with("is") { None } else { unicode(&name) }
        }
        _ => None,
    }
}

pub(super) fn is_posix(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "word" || posix(&name).is_some()
}

/// What `[:name:]` stands for, and `\p{Name}` with few exceptions.
pub(super) fn posix(name: &str) -> Option<ClassUnicode> {
    let range = |start, end| ClassUnicodeRange::new(start, end);
    let union = |names: &[&str]| {
        let mut class = ClassUnicode::empty();
        for name in names {
            class.union(&unicode(name)?);
        }
        Some(class)
    };
    match name {
        "alnum" => union(&["Alphabetic", "Nd"]),
        "alpha" => unicode("Alphabetic"),
        "ascii" => Some(ascii()),
        "blank" => {
            let mut class = unicode("Zs")?;
            class.push(range('\t', '\t'));
            Some(class)
        }
        "cntrl" => unicode("Cc"),
        "digit" => unicode("Nd"),
        "graph" | "print" => {
            let mut class = union(&["White_Space", "Cc", "Cn"])?;
            class.negate();
            if name == "print" {
                class.union(&unicode("Zs")?);
            }
            Some(class)
        }
        "lower" => unicode("Lowercase"),
        "punct" => union(&["P", "S"]),
        "space" => unicode("White_Space"),
        "upper" => unicode("Uppercase"),
        "xdigit" => Some(ClassUnicode::new([range('0', '9'), range('A', 'F'), range('a', 'f')])),
        "word" => union(&["Alphabetic", "M", "Nd", "Pc"]),
        _ => None,
    }
}

/// What `\w` stands for.
///
/// Outside of brackets, and for `\b`, the engine has a table of its own for characters below U+0100, in which
/// superscript digits and fractions are parts of words.
pub(in crate::pattern) fn word(in_class: bool) -> ClassUnicode {
    let mut class = posix("word").unwrap_or_else(ClassUnicode::empty);
    if !in_class {
        for (start, end) in [('\u{b2}', '\u{b3}'), ('\u{b9}', '\u{b9}'), ('\u{bc}', '\u{be}')] {
            class.push(ClassUnicodeRange::new(start, end));
        }
    }
    class
}

pub(super) fn ascii() -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new('\0', '\x7f')])
}

/// A general category, script or binary property.
fn unicode(name: &str) -> Option<ClassUnicode> {
    match regex_syntax::parse(&format!(r"\p{{{name}}}")).ok()?.into_kind() {
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => Some(class),
        _ => None,
    }
}
