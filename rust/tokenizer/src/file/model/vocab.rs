//! The large fields of a model: its vocabulary and its merges.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A string borrowed from the file unless it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A vocabulary as an object from tokens to ids, or as a list of pieces with scores.
pub(super) enum Vocab<'a> {
    Map(Vec<(Cow<'a, str>, u32)>),
    List(Vec<(Cow<'a, str>, f64)>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Vocab<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct VocabVisitor;

        impl<'de> Visitor<'de> for VocabVisitor {
            type Value = Vocab<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object from tokens to ids, or an array of pieces (model.vocab)")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(Text(token)) = map.next_key()? {
                    let id = map.next_value().map_err(|error| {
                        A::Error::custom(format_args!("model.vocab: id of {token:?}: {error}"))
                    })?;
                    entries.push((token, id));
                }
                Ok(Vocab::Map(entries))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                loop {
                    let next = seq.next_element::<(Text<'de>, f64)>().map_err(|error| {
                        A::Error::custom(format_args!("model.vocab[{}]: {error}", entries.len()))
                    })?;
                    let Some((Text(piece), score)) = next else { return Ok(Vocab::List(entries)) };
                    entries.push((piece, score));
                }
            }
        }

        deserializer.deserialize_any(VocabVisitor)
    }
}

/// Merges as pairs, or as strings with a space between in older files; or what is wrong with them, which matters
/// only if the model has merges.
pub(super) enum MergeList<'a> {
    List(Vec<(Cow<'a, str>, Cow<'a, str>)>),
    Wrong { at: String, message: String },
}

impl<'de: 'a, 'a> Deserialize<'de> for MergeList<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct ListVisitor;

        /// What no model has as merges.
        fn wrong<'a>(found: &str) -> MergeList<'a> {
            let message = format!("found {found}, expected an array of merges");
            MergeList::Wrong { at: "model.merges".into(), message }
        }

        impl<'de> Visitor<'de> for ListVisitor {
            type Value = MergeList<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array of merges (model.merges)")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                let mut kind = None;
                let mut at = 0;
                while let Some(merge) = seq.next_element()? {
                    // A list is of one kind.
                    let is_pair = matches!(merge, MergeRead::Pair(..));
                    let pair = match merge {
                        _ if *kind.get_or_insert(is_pair) != is_pair => Err("a mixture of kinds".to_owned()),
                        MergeRead::Pair(left, right) => Ok((left, right)),
                        // Lines of a merges.txt that were put in whole.
                        MergeRead::Line(line) if line.starts_with("#version") => continue,
                        MergeRead::Line(line) => split_line(line).map_err(|line| format!("{line:?}")),
                        MergeRead::Wrong(found) => Err(found),
                    };
                    match pair {
                        Ok(pair) => pairs.push(pair),
                        Err(found) => {
                            while seq.next_element::<IgnoredAny>()?.is_some() {}
                            let expected = "[\"a\", \"b\"] or two tokens with a space between";
                            let message = format!("found {found}, expected {expected}");
                            return Ok(MergeList::Wrong { at: format!("model.merges[{at}]"), message });
                        }
                    }
                    at += 1;
                }
                Ok(MergeList::List(pairs))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(wrong("an object"))
            }

            fn visit_str<E>(self, _: &str) -> std::result::Result<Self::Value, E> {
                Ok(wrong("a string"))
            }

            fn visit_bool<E>(self, value: bool) -> std::result::Result<Self::Value, E> {
                Ok(wrong(&value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> std::result::Result<Self::Value, E> {
                Ok(wrong(&value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> std::result::Result<Self::Value, E> {
                Ok(wrong(&value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> std::result::Result<Self::Value, E> {
                Ok(wrong(&value.to_string()))
            }
        }

        deserializer.deserialize_any(ListVisitor)
    }
}

enum MergeRead<'a> {
    Pair(Cow<'a, str>, Cow<'a, str>),
    Line(Cow<'a, str>),
    Wrong(String),
}

impl<'de> Deserialize<'de> for MergeRead<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct MergeVisitor;

        impl<'de> Visitor<'de> for MergeVisitor {
            type Value = MergeRead<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a merge: [\"a\", \"b\"] or \"a b\" (model.merges)")
            }

            fn visit_borrowed_str<E>(self, line: &'de str) -> std::result::Result<Self::Value, E> {
                Ok(MergeRead::Line(Cow::Borrowed(line)))
            }

            fn visit_str<E>(self, line: &str) -> std::result::Result<Self::Value, E> {
                Ok(MergeRead::Line(Cow::Owned(line.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Self::Value, A::Error> {
                let mut halves = Vec::new();
                let mut length = 0;
                while let Some(half) = seq.next_element::<Half<'de>>()? {
                    length += 1;
                    if length <= 2 {
                        halves.extend(half.0);
                    }
                }
                Ok(match (halves.pop(), halves.pop(), length) {
                    (Some(right), Some(left), 2) => MergeRead::Pair(left, right),
                    _ => MergeRead::Wrong("an array of something else".into()),
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(MergeRead::Wrong("an object".into()))
            }

            fn visit_unit<E>(self) -> std::result::Result<Self::Value, E> {
                Ok(MergeRead::Wrong("null".into()))
            }

            fn visit_bool<E>(self, value: bool) -> std::result::Result<Self::Value, E> {
                Ok(MergeRead::Wrong(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> std::result::Result<Self::Value, E> {
                Ok(MergeRead::Wrong(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> std::result::Result<Self::Value, E> {
                Ok(MergeRead::Wrong(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> std::result::Result<Self::Value, E> {
                Ok(MergeRead::Wrong(value.to_string()))
            }
        }

        deserializer.deserialize_any(MergeVisitor)
    }
}

fn split_line(line: Cow<'_, str>) -> std::result::Result<(Cow<'_, str>, Cow<'_, str>), Cow<'_, str>> {
    let parts = |line: &str| match line.split_once(' ') {
        Some((left, right)) if !right.contains(' ') => Some(left.len()),
        _ => None,
    };
    match (parts(&line), line) {
        (Some(at), Cow::Borrowed(line)) => Ok((line[..at].into(), line[at + 1..].into())),
        (Some(at), Cow::Owned(line)) => Ok((line[..at].to_owned().into(), line[at + 1..].to_owned().into())),
        (None, line) => Err(line),
    }
}

/// Half of a merge, unless it is something else.
struct Half<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Half<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Ok(match MergeRead::deserialize(deserializer)? {
            MergeRead::Line(text) => Self(Some(text)),
            _ => Self(None),
        })
    }
}
