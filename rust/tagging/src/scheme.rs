//! Which tags may follow each other: labels of entities as BIO (IOB2) or BIOES (also written BILOU).

/// Scores of what is forbidden; far below all sums of weights, and three of them are no overflow.
pub(crate) const FORBIDDEN: i32 = i32::MIN / 4;

/// What tags say of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Nothing: parts of speech.
    Free,
    /// `I-X` stands after `B-X` or `I-X` alone.
    Bio,
    /// And entities end with `E-X` (`L-X`); those of one word are `S-X` (`U-X`).
    Bioes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    Outside,
    Begin(&'a str),
    Inside(&'a str),
    End(&'a str),
    Single,
}

fn part(tag: &str) -> Option<Part<'_>> {
    if tag == "O" {
        return Some(Part::Outside);
    }
    let (prefix, kind) = tag.split_once('-').unwrap_or((tag, ""));
    match prefix {
        "B" => Some(Part::Begin(kind)),
        "I" => Some(Part::Inside(kind)),
        "E" | "L" => Some(Part::End(kind)),
        "S" | "U" => Some(Part::Single),
        _ => None,
    }
}

impl Scheme {
    /// What the names of the tags look like; `Free` if one of them is no label of an entity, or none begins one.
    pub(crate) fn of(tags: &[String]) -> Self {
        let parts: Option<Vec<_>> = tags.iter().map(|tag| part(tag)).collect();
        let Some(parts) = parts else { return Self::Free };
        let any = |wanted: fn(&Part<'_>) -> bool| parts.iter().any(wanted);
        if any(|part| matches!(part, Part::End(_) | Part::Single)) {
            Self::Bioes
        } else if any(|part| matches!(part, Part::Begin(_))) {
            Self::Bio
        } else {
            Self::Free
        }
    }

    /// Whether `after` may follow `before`; `None` is the start or the end of a sentence.
    pub(crate) fn allows(self, before: Option<&str>, after: Option<&str>) -> bool {
        let before = before.and_then(part).unwrap_or(Part::Outside);
        let after = after.and_then(part).unwrap_or(Part::Outside);
        let open = match before {
            Part::Begin(kind) | Part::Inside(kind) => Some(kind),
            _ => None,
        };
        match (self, after) {
            (Self::Free, _) => true,
            (_, Part::Inside(kind)) | (Self::Bioes, Part::End(kind)) => open == Some(kind),
            (Self::Bio, _) => true,
            (Self::Bioes, _) => open.is_none(),
        }
    }

    /// 0 or `FORBIDDEN` for each pair of tags, [before, after]; the last row is the start of a sentence.
    pub(crate) fn transitions(self, tags: &[String]) -> Vec<i32> {
        let before = tags.iter().map(|tag| Some(tag.as_str())).chain([None]);
        let row = |before: Option<&str>| -> Vec<i32> {
            tags.iter().map(|tag| if self.allows(before, Some(tag)) { 0 } else { FORBIDDEN }).collect()
        };
        before.flat_map(row).collect()
    }

    /// 0 or `FORBIDDEN` for each tag at the end of a sentence.
    pub(crate) fn ends(self, tags: &[String]) -> Vec<i32> {
        tags.iter().map(|tag| if self.allows(Some(tag), None) { 0 } else { FORBIDDEN }).collect()
    }
}
