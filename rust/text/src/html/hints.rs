//! What the attributes of an element tell about its text: whether it is shown, and what its author calls it.

use super::tags::Tag;
use super::tokens::{Attribute, Key};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hints(u16);

impl Hints {
    /// Not shown: `hidden`, `display: none`.
    pub const HIDDEN: Self = Self(1);
    /// Called the body of an article.
    pub const BODY: Self = Self(1 << 1);
    /// Called an article, a post, a main part.
    pub const ARTICLE: Self = Self(1 << 2);
    /// Called something that is never part of an article: advertisements, ways to share, links to other pages.
    pub const JUNK: Self = Self(1 << 3);
    /// Called something about the article: its author, date, tags.
    pub const ABOUT: Self = Self(1 << 4);
    /// What readers wrote.
    pub const COMMENTS: Self = Self(1 << 5);
    /// A caption or credit of a picture.
    pub const CAPTION: Self = Self(1 << 6);
    /// Navigation, header, footer, or sidebar of the page.
    pub const FRAME: Self = Self(1 << 7);

    pub const fn has(self, hints: Self) -> bool {
        self.0 & hints.0 != 0
    }

    const fn with(self, hints: Self) -> Self {
        Self(self.0 | hints.0)
    }

    pub fn of(source: &str, tag: Tag, attributes: &[Attribute]) -> Self {
        let mut hints = match tag {
            Tag::BODY => return Self::default(),
            Tag::NAV | Tag::FOOTER | Tag::ASIDE => Self::FRAME,
            Tag::ARTICLE | Tag::MAIN => Self::ARTICLE,
            Tag::FIGCAPTION => Self::CAPTION,
            _ => Self::default(),
        };
        for attribute in attributes {
            let value = source.as_bytes().get(attribute.value.clone()).unwrap_or_default();
            let value = value.get(..LONGEST_VALUE).unwrap_or(value);
            hints = hints.with(match attribute.key {
                Key::Class | Key::Id => of_names(value),
                Key::Role => of_role(value),
                Key::ItemProp => of_property(value),
                Key::Hidden => Self::HIDDEN,
                Key::AriaHidden if value.eq_ignore_ascii_case(b"true") => Self::HIDDEN,
                Key::Style if hides(value) => Self::HIDDEN,
                _ => Self::default(),
            });
        }
        hints
    }
}

/// Classes that nobody would write by hand are not read to their end.
const LONGEST_VALUE: usize = 2048;
const LONGEST_WORD: usize = 16;

fn of_role(value: &[u8]) -> Hints {
    match value.to_ascii_lowercase().as_slice() {
        b"navigation" | b"banner" | b"contentinfo" | b"search" | b"menu" | b"menubar" | b"complementary" => {
            Hints::FRAME
        }
        b"dialog" | b"alertdialog" | b"toolbar" | b"tooltip" => Hints::JUNK,
        b"main" | b"article" => Hints::ARTICLE,
        _ => Hints::default(),
    }
}

fn of_property(value: &[u8]) -> Hints {
    match value.to_ascii_lowercase().as_slice() {
        b"articlebody" | b"reviewbody" | b"text" => Hints::BODY,
        b"author" | b"datepublished" | b"datemodified" | b"keywords" => Hints::ABOUT,
        b"caption" => Hints::CAPTION,
        b"comment" => Hints::COMMENTS,
        _ => Hints::default(),
    }
}

/// `display: none` or `visibility: hidden`, with any white space.
fn hides(style: &[u8]) -> bool {
    style.split(|&byte| byte == b';').any(|rule| {
        let mut parts = rule.splitn(2, |&byte| byte == b':').map(<[u8]>::trim_ascii);
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { return false };
        let is = |text: &[u8], start: &[u8]| {
            text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
        };
        (is(name, b"display") && is(value, b"none")) || (is(name, b"visibility") && is(value, b"hidden"))
    })
}

/// Of a list of classes or an id: of each name, what its words say together.
fn of_names(value: &[u8]) -> Hints {
    value.split(u8::is_ascii_whitespace).map(of_name).fold(Hints::default(), Hints::with)
}

/// The words of `article__body-text` and `articleBody` alike.
fn of_name(name: &[u8]) -> Hints {
    let mut sense = Sense::default();
    let mut rest = name;
    while !rest.is_empty() {
        let skipped = rest.iter().take_while(|byte| !byte.is_ascii_alphabetic()).count();
        rest = &rest[skipped..];
        let length = word_length(rest);
        let (word, after) = rest.split_at(length);
        let mut lowercase = [0; LONGEST_WORD];
        if let Some(target) = lowercase.get_mut(..length) {
            target.copy_from_slice(word);
            target.make_ascii_lowercase();
            sense.add(target);
        }
        rest = after;
    }
    sense.hints()
}

fn word_length(text: &[u8]) -> usize {
    let mut length = 0;
    while let Some(byte) = text.get(length).filter(|byte| byte.is_ascii_alphabetic()) {
        if length > 0 && byte.is_ascii_uppercase() && text[length - 1].is_ascii_lowercase() {
            break;
        }
        length += 1;
    }
    length
}

/// What the words of one name have said so far.
#[derive(Default)]
struct Sense {
    hints: Hints,
    article: bool,
    content: bool,
    more: bool,
    part: bool,
    print: bool,
    only: bool,
}

impl Sense {
    fn add(&mut self, word: &[u8]) {
        match word {
            b"article" | b"story" | b"post" | b"entry" | b"blog" | b"news" => self.article = true,
            b"body" | b"content" | b"text" | b"copy" | b"fulltext" | b"paragraphs" => self.content = true,
            b"more" | b"also" | b"other" | b"latest" | b"top" | b"next" | b"previous" | b"prev" | b"read" => {
                self.more = true;
            }
            b"list" | b"links" | b"link" | b"stories" | b"articles" | b"posts" | b"item" | b"items"
            | b"card" | b"cards" => {
                self.part = true;
            }
            b"print" => self.print = true,
            b"only" | b"header" | b"footer" => self.only = true,
            _ => self.hints = self.hints.with(of_word(word)),
        }
    }

    fn hints(self) -> Hints {
        let mut hints = self.hints;
        if (self.more && (self.part || self.article)) || (self.print && self.only) {
            hints = hints.with(Hints::JUNK);
        }
        if hints != Hints::default() {
            // `article-share` is no article.
        } else if self.article && self.content {
            hints = hints.with(Hints::BODY);
        } else if self.article && !self.part {
            hints = hints.with(Hints::ARTICLE);
        }
        hints
    }
}

fn of_word(word: &[u8]) -> Hints {
    match word {
        b"articlebody" | b"storybody" | b"entrycontent" | b"postcontent" | b"articletext"
        | b"articlecontent" | b"postbody" | b"storytext" | b"bodytext" | b"maintext" => Hints::BODY,
        b"ad" | b"ads" | b"adv" | b"advert" | b"adverts" | b"advertisement" | b"advertising" | b"adsense"
        | b"sponsor" | b"sponsored" | b"sponsors" | b"promo" | b"promos" | b"promoted" | b"promotion"
        | b"share" | b"sharing" | b"sharebar" | b"sharethis" | b"addtoany" | b"addthis" | b"sharedaddy"
        | b"social" | b"socials" | b"related" | b"relatedposts" | b"recommended" | b"recommendations"
        | b"recommend" | b"recirc" | b"outbrain" | b"taboola" | b"zergnet" | b"newsletter"
        | b"newsletters" | b"signup" | b"subscribe" | b"subscription" | b"popup" | b"modal" | b"overlay"
        | b"cookie" | b"cookies" | b"consent" | b"gdpr" | b"login" | b"breadcrumb" | b"breadcrumbs"
        | b"pagination" | b"pager" | b"trending" | b"popular" | b"mostpopular" | b"noprint" | b"donate"
        | b"donation" | b"rss" | b"tooltip" | b"toolbar" | b"poll" | b"close" | b"player" | b"playlist" => {
            Hints::JUNK
        }
        b"nav" | b"navbar" | b"navigation" | b"menu" | b"submenu" | b"sidebar" | b"footer" | b"masthead"
        | b"rail" | b"copyright" => Hints::FRAME,
        b"author" | b"authors" | b"byline" | b"bio" | b"date" | b"dateline" | b"timestamp" | b"tags"
        | b"taglist" | b"meta" | b"metadata" | b"postmeta" | b"published" | b"kicker" | b"category"
        | b"categories" => Hints::ABOUT,
        b"comment" | b"comments" | b"commentlist" | b"disqus" | b"respond" => Hints::COMMENTS,
        b"caption" | b"captions" | b"credit" | b"credits" => Hints::CAPTION,
        _ => Hints::default(),
    }
}
