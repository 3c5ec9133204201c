//! What the head of a page says about it.

use ferrolm_base::{Cancel, Cancelled};

use super::tags::Tag;
use super::text::Lines;
use super::tokens::{Attribute, Key, Token, Tokens};

/// Texts have no markup, no line feeds and no white space around them; those that are empty count as missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Of the article, as it is shared, or else of the page.
    pub title: Option<String>,
    /// As the page declares it, for instance `en-GB`.
    pub language: Option<String>,
    pub description: Option<String>,
    pub author: Option<String>,
    /// When the article was published, as the page writes it.
    pub date: Option<String>,
    pub site: Option<String>,
}

/// Reads no further than the head.
pub fn metadata(source: &str, cancel: &Cancel) -> Result<Metadata, Cancelled> {
    let mut found = Metadata::default();
    let mut page_title = None;
    let mut in_title = false;
    let mut tokens = Tokens::new(source, cancel);
    while let Some(token) = tokens.next() {
        match token {
            Token::Start { tag: Tag::BODY, .. } | Token::End(Tag::HEAD) => break,
            Token::Start { tag: Tag::HTML, .. } => {
                found.language = found.language.or(value(source, &tokens.attributes, Key::Lang));
            }
            Token::Start { tag: Tag::META, .. } => meta(source, &tokens.attributes, &mut found),
            Token::Start { tag, .. } => in_title = tag == Tag::TITLE,
            Token::Raw(text) if in_title => page_title = page_title.or(line(&source[text])),
            _ => {}
        }
    }
    cancel.check()?;
    found.title = found.title.or(page_title);
    Ok(found)
}

fn meta(source: &str, attributes: &[Attribute], found: &mut Metadata) {
    let name = [Key::Property, Key::Name, Key::ItemProp, Key::HttpEquiv];
    let Some(name) = name.iter().find_map(|&name| value(source, attributes, name)) else { return };
    let field = match name.to_ascii_lowercase().as_str() {
        "og:title" => &mut found.title,
        "content-language" => &mut found.language,
        "og:description" | "description" => &mut found.description,
        "author" => &mut found.author,
        "article:published_time" | "datepublished" | "date" | "pubdate" => &mut found.date,
        "og:site_name" => &mut found.site,
        _ => return,
    };
    if field.is_none() {
        *field = value(source, attributes, Key::Content);
    }
}

fn value(source: &str, attributes: &[Attribute], name: Key) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == name)?;
    line(&source[attribute.value.clone()])
}

/// Decoded, with single spaces.
fn line(source: &str) -> Option<String> {
    let mut lines = Lines::default();
    lines.write(source);
    Some(lines.finish()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_read_and_nothing_else() {
        let page = "<!doctype html><html lang=en-GB><head><title>\n Tea &amp; bread | The Paper </title>
            <meta property='og:title' content='Tea &amp;amp; bread'><meta name=Author content=' A. Baker '>
            <meta name=description content=''><meta name=description content='How to make &#116;ea'>
            </head><body><meta name=date content=2020>";
        let found = metadata(page, &ferrolm_base::cancel::NEVER).unwrap();
        assert_eq!(found.title.as_deref(), Some("Tea &amp; bread"));
        assert_eq!(found.language.as_deref(), Some("en-GB"));
        assert_eq!(found.description.as_deref(), Some("How to make tea"));
        assert_eq!(found.author.as_deref(), Some("A. Baker"));
        assert_eq!(found.date, None);
    }
}
