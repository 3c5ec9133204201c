//! The elements that mean something to text, each a byte; all others share what is left of the byte by hash.

/// The name of an element, or [`Tag::TEXT`] for a run of text between tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag(u8);

/// Stands alone on its line.
const BLOCK: u16 = 1;
/// Has neither content nor an end tag.
const VOID: u16 = 1 << 1;
/// Its content is not markup: it goes on to the end tag of the same name.
const RAW: u16 = 1 << 2;
/// Its content is not text that a reader sees.
const UNSEEN: u16 = 1 << 3;
/// A start tag of it ends an open paragraph.
const ENDS_PARAGRAPH: u16 = 1 << 4;
/// End tags of what stands outside do not reach into it.
const BARRIER: u16 = 1 << 5;
/// Tables and their parts: only a table stops their end tags.
const TABLE_PART: u16 = 1 << 6;
/// Around words; where it ends among blocks, the blocks go on.
const FORMATTING: u16 = 1 << 7;
const HEADING: u16 = 1 << 8;
/// May stand in the head of a page.
const HEAD_PART: u16 = 1 << 9;
/// Controls, pictures and frames, whose text is not part of an article.
const APPARATUS: u16 = 1 << 10;

const FLOW: u16 = BLOCK | ENDS_PARAGRAPH;

/// The first byte of the names that are not in the table.
const OTHERS: u8 = 128;

macro_rules! tags {
    ($($constant:ident $name:literal $flags:expr;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[repr(u8)]
        enum Index { $($constant),* }

        impl Tag {
            $(pub const $constant: Self = Self(Index::$constant as u8);)*

            fn of_lowercase(name: &[u8]) -> Option<Self> {
                match name {
                    $($name => Some(Self::$constant),)*
                    _ => None,
                }
            }
        }

        static FLAGS: [u16; 256] = {
            let mut flags = [0; 256];
            $(flags[Index::$constant as usize] = $flags;)*
            flags
        };
    };
}

tags! {
    TEXT b"#text" 0;
    A b"a" FORMATTING;
    ABBR b"abbr" 0;
    ADDRESS b"address" FLOW;
    APPLET b"applet" BARRIER | APPARATUS;
    ARTICLE b"article" FLOW;
    ASIDE b"aside" FLOW;
    AUDIO b"audio" APPARATUS;
    B b"b" FORMATTING;
    BASE b"base" VOID | HEAD_PART;
    BIG b"big" FORMATTING;
    BLOCKQUOTE b"blockquote" FLOW;
    BODY b"body" BLOCK;
    BR b"br" VOID | BLOCK;
    BUTTON b"button" BLOCK | APPARATUS;
    CANVAS b"canvas" APPARATUS;
    CAPTION b"caption" BLOCK | TABLE_PART | BARRIER;
    CENTER b"center" FLOW;
    CITE b"cite" 0;
    CODE b"code" FORMATTING;
    COL b"col" VOID;
    COLGROUP b"colgroup" 0;
    DD b"dd" FLOW;
    DEL b"del" 0;
    DETAILS b"details" FLOW;
    DIALOG b"dialog" FLOW;
    DIV b"div" FLOW;
    DL b"dl" FLOW;
    DT b"dt" FLOW;
    EM b"em" FORMATTING;
    EMBED b"embed" VOID | APPARATUS;
    FIELDSET b"fieldset" FLOW;
    FIGCAPTION b"figcaption" FLOW;
    FIGURE b"figure" FLOW;
    FONT b"font" FORMATTING;
    FOOTER b"footer" FLOW;
    FORM b"form" FLOW;
    FRAME b"frame" VOID;
    FRAMESET b"frameset" BLOCK;
    H1 b"h1" FLOW | HEADING;
    H2 b"h2" FLOW | HEADING;
    H3 b"h3" FLOW | HEADING;
    H4 b"h4" FLOW | HEADING;
    H5 b"h5" FLOW | HEADING;
    H6 b"h6" FLOW | HEADING;
    HEAD b"head" BLOCK;
    HEADER b"header" FLOW;
    HGROUP b"hgroup" FLOW;
    HR b"hr" FLOW | VOID;
    HTML b"html" BLOCK;
    I b"i" FORMATTING;
    IFRAME b"iframe" RAW | UNSEEN;
    IMG b"img" VOID;
    INPUT b"input" VOID;
    INS b"ins" 0;
    KBD b"kbd" 0;
    LABEL b"label" 0;
    LEGEND b"legend" BLOCK;
    LI b"li" FLOW;
    LINK b"link" VOID | HEAD_PART;
    MAIN b"main" FLOW;
    MAP b"map" APPARATUS;
    MARQUEE b"marquee" BARRIER;
    MENU b"menu" FLOW;
    META b"meta" VOID | HEAD_PART;
    NAV b"nav" FLOW;
    NOBR b"nobr" FORMATTING;
    NOEMBED b"noembed" RAW | UNSEEN;
    NOFRAMES b"noframes" RAW | UNSEEN;
    NOSCRIPT b"noscript" RAW | UNSEEN | HEAD_PART;
    OBJECT b"object" BARRIER | APPARATUS;
    OL b"ol" FLOW;
    OPTGROUP b"optgroup" BLOCK;
    OPTION b"option" BLOCK;
    P b"p" FLOW;
    PARAM b"param" VOID;
    PICTURE b"picture" 0;
    PLAINTEXT b"plaintext" FLOW;
    PRE b"pre" FLOW;
    Q b"q" 0;
    RP b"rp" UNSEEN;
    RT b"rt" 0;
    RUBY b"ruby" 0;
    S b"s" FORMATTING;
    SAMP b"samp" 0;
    SCRIPT b"script" RAW | UNSEEN | HEAD_PART;
    SECTION b"section" FLOW;
    SELECT b"select" BLOCK | APPARATUS;
    SMALL b"small" FORMATTING;
    SOURCE b"source" VOID;
    SPAN b"span" 0;
    STRIKE b"strike" FORMATTING;
    STRONG b"strong" FORMATTING;
    STYLE b"style" RAW | UNSEEN | HEAD_PART;
    SUB b"sub" 0;
    SUMMARY b"summary" FLOW;
    SUP b"sup" 0;
    SVG b"svg" UNSEEN;
    TABLE b"table" BLOCK | TABLE_PART | BARRIER;
    TBODY b"tbody" BLOCK | TABLE_PART;
    TD b"td" BLOCK | TABLE_PART | BARRIER;
    TEMPLATE b"template" UNSEEN | BARRIER | HEAD_PART;
    TEXTAREA b"textarea" RAW | UNSEEN;
    TFOOT b"tfoot" BLOCK | TABLE_PART;
    TH b"th" BLOCK | TABLE_PART | BARRIER;
    THEAD b"thead" BLOCK | TABLE_PART;
    TIME b"time" 0;
    TITLE b"title" RAW | UNSEEN | HEAD_PART;
    TR b"tr" BLOCK | TABLE_PART;
    TRACK b"track" VOID;
    TT b"tt" FORMATTING;
    U b"u" FORMATTING;
    UL b"ul" FLOW;
    VAR b"var" 0;
    VIDEO b"video" APPARATUS;
    WBR b"wbr" VOID;
    XMP b"xmp" FLOW | RAW;
}

const LONGEST: usize = 16;

impl Tag {
    /// Of a name in any case.
    pub fn of(name: &[u8]) -> Self {
        let mut lowercase = [0; LONGEST];
        if let Some(target) = lowercase.get_mut(..name.len()) {
            target.copy_from_slice(name);
            target.make_ascii_lowercase();
            if let Some(tag) = Self::of_lowercase(target) {
                return tag;
            }
        }
        let hash = name.iter().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
        });
        Self(OTHERS | (hash >> 24) as u8)
    }

    pub const fn byte(self) -> u8 {
        self.0
    }

    pub const fn is_other(self) -> bool {
        self.0 >= OTHERS
    }

    const fn has(self, flag: u16) -> bool {
        FLAGS[self.0 as usize] & flag != 0
    }

    pub const fn is_block(self) -> bool {
        self.has(BLOCK)
    }

    pub const fn is_void(self) -> bool {
        self.has(VOID)
    }

    pub const fn is_raw(self) -> bool {
        self.has(RAW)
    }

    pub const fn is_unseen(self) -> bool {
        self.has(UNSEEN)
    }

    pub const fn ends_paragraph(self) -> bool {
        self.has(ENDS_PARAGRAPH)
    }

    pub const fn is_barrier(self) -> bool {
        self.has(BARRIER)
    }

    pub const fn is_table_part(self) -> bool {
        self.has(TABLE_PART)
    }

    pub const fn is_formatting(self) -> bool {
        self.has(FORMATTING)
    }

    pub const fn is_heading(self) -> bool {
        self.has(HEADING)
    }

    pub const fn is_head_part(self) -> bool {
        self.has(HEAD_PART)
    }

    pub const fn is_apparatus(self) -> bool {
        self.has(APPARATUS)
    }

    /// 1 to 6 for `h1` to `h6`.
    pub const fn heading_level(self) -> Option<usize> {
        if self.is_heading() { Some((self.0 - Self::H1.0) as usize + 1) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_case_and_others_share_the_upper_half() {
        assert_eq!(Tag::of(b"DiV"), Tag::DIV);
        assert_eq!(Tag::of(b"x-card"), Tag::of(b"X-CARD"));
        assert!(Tag::of(b"a-very-long-name-of-an-element").is_other());
        assert_eq!(Tag::H3.heading_level(), Some(3));
        assert_eq!(Tag::HR.heading_level(), None);
    }
}
