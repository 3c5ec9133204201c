//! Whole pages: what a user gets of them, hostile ones, any.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use ferrolm_base::{Cancel, cancel::NEVER};
use ferrolm_text::html::{Format, Options, clean, clean_all};
use proptest::prelude::*;

const ALL: Options = Options { main_content: false, format: Format::Text };
const ARTICLE: Options = Options { main_content: true, format: Format::Text };
const MARKDOWN: Options = Options { main_content: false, format: Format::Markdown };

fn text(page: &str, options: Options) -> String {
    clean(page, options, &NEVER).unwrap()
}

#[test]
fn markdown_keeps_structure() {
    for (page, markdown) in [
        ("<h1>One <i>two</i></h1><p>three<h3>four</h4>five", "# One *two*\n\nthree\n\n### four\n\nfive"),
        ("a <b>b</b>old, <em> x </em>y <strong></strong>z", "a **b**old, *x* y z"),
        ("<b>one<p>two</p>three</b>", "one\n\ntwo\n\nthree"),
        ("<ul><li>a<ol start=3><li>b<li>c</ol><li><p>d</ul>e", "- a\n  3. b\n  4. c\n- d\n\ne"),
        ("<blockquote><p>a<p>b<blockquote>c</blockquote></blockquote>", "> a\n>\n> b\n>\n> > c"),
        (
            "<pre><code class='language-rust'>\nfn a() {\n    `&lt;`\n}\n</code></pre>",
            "```rust\nfn a() {\n    `<`\n}\n```",
        ),
        ("use <code>a  | `b`</code>.", "use `` a | `b` ``."),
        (
            "<a href=' /x?a=1&amp;b=(2) '>l<i>i</i>nk</a> <a href='#top'>top</a> <a href=/y></a>.",
            "[l*i*nk](</x?a=1&b=(2)>) top .",
        ),
        ("a<br>b<hr>c", "a  \nb\n\n---\n\nc"),
        ("<table><tr><th>a<th>b|c<tr><td>1<td><p>2<p>3</table>", "| a | b\\|c |\n| --- | --- |\n| 1 | 2 3 |"),
        ("<table><tr><td>one</table>", "one"),
        ("<p>1. x<p>- y<p># z<p>*", "1\\. x\n\n\\- y\n\n\\# z\n\n\\*"),
        ("<img src=a alt=b>", ""),
    ] {
        assert_eq!(text(page, MARKDOWN), markdown, "of {page}");
    }
}

#[test]
fn what_authors_leave_out_is_supplied() {
    for (page, expected) in [
        ("<div><b>a<div>b</b>c</div>d", "a\nb\nc\nd"),
        ("<table><td>1<table><td>2</table><td>3", "1\n2\n3"),
        ("<a href=x>one<a href=y>two", "[one](x)[two](y)"),
        ("</p></div></table>x</body></html>y", "xy"),
        ("<select><option>a<option>b<p>c", "a\nb\nc"),
        ("<svg><path/><path/><g>no</g><p>yes", "no\nyes"),
        ("<dl><dt>a<dd>b<dt>c</dl>", "a\nb\nc"),
        ("a<!-->b<!--->c<!-- --!>d<!-- -- > -->e", "abcde"),
        ("<textarea></div>a</textarea>b<xmp><b></xmp>c<iframe>d", "b\n```\n<b>\n```\nc"),
    ] {
        assert_eq!(
            text(page, MARKDOWN).replace("\n\n", "\n").replace('\\', ""),
            expected.replace("no\n", ""),
            "of {page}"
        );
    }
}

#[test]
fn an_article_told_to_machines_stands_in_for_one_that_scripts_would_load() {
    let body = "Words that only search engines and scripts see. ".repeat(10);
    let page = format!(
        "<body><div id=app>Loading</div><script type='application/ld+json'>{{\"articleBody\": \"{body}\\nSecond line.\"}}</script>"
    );
    assert_eq!(text(&page, ARTICLE), format!("{}\nSecond line.", body.trim()));
}

#[test]
fn blocks_of_ideographs_are_articles_without_white_space() {
    let sentence = "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。";
    let page = format!(
        "<div class=menu><a href=/>首页</a><a href=/b>新闻</a></div><div><p>{sentence}</p><p>{sentence}</p></div><div><a href=/c>相关新闻</a></div>"
    );
    assert_eq!(text(&page, ARTICLE), format!("{sentence}\n{sentence}"));
}

/// Pages of about `n` bytes that have made parsers of HTML quadratic, or recursive without end.
fn hostile(n: usize) -> Vec<(&'static str, String)> {
    let repeated = |unit: &str| unit.repeat(n / unit.len() + 1);
    vec![
        ("one line", format!("<p>{}", repeated("word word, "))),
        ("tables", repeated("<table><tr><td>")),
        ("tables with text", repeated("<table><tr><td>a<td>b<tr><td>")),
        ("lists", repeated("<ul><li>a")),
        ("items", repeated("<li>")),
        ("quotations", repeated("<blockquote>a<p>")),
        ("headings", repeated("<h1><div>a")),
        ("formatting across blocks", repeated("<b><p>a<i><div>")),
        ("formatting that ends late", repeated("<b><div></b>a")),
        ("links in links", repeated("<a href=x><div>a")),
        ("stray end tags", format!("{}{}", "<div><p>".repeat(300), repeated("</x></table></b></i>"))),
        (
            "end tags at the deepest",
            format!("{}{}", "<section>".repeat(600), repeated("<i></section><section>")),
        ),
        ("attributes", format!("<p {}>text", repeated("a=1 class=x id=\"y\" "))),
        ("a long class", format!("<p class='{}'>text", repeated("ad-Box "))),
        ("a tag without end", format!("text<p title='{}", repeated("x"))),
        ("comments", format!("text{}", repeated("<!--"))),
        ("ends of comments", format!("text<!--{}", repeated("->--!"))),
        ("CDATA", repeated("<![CDATA[")),
        ("scripts", format!("text{}", repeated("<script>"))),
        ("near ends of scripts", format!("text<script>{}", repeated("</scrip</script"))),
        ("titles", repeated("<title></title>")),
        ("less-than signs", repeated("<")),
        ("ampersands", repeated("&#x")),
        ("entities", repeated("&NotEqualTilde;&ampamp")),
        ("a long number", format!("&#{}", repeated("9"))),
        ("JSON", format!("<script type=application/ld+json>{}", repeated("\"articleBody\": \"\\"))),
        ("ragged table", format!("<table><tr>{}</table>", repeated("<td>a<tr>") + &repeated("<td>"))),
        ("code", repeated("<code>`a")),
        ("preformatted", repeated("<pre>\n")),
        ("words of class names", repeated("<p class=aBcDeF-gH>x")),
        ("breaks", repeated("<br>")),
        ("twins", repeated("<div class=a>word, word word word word.</div>")),
    ]
}

/// Six times the page takes six times as long, give or take what else the machine does; quadratic work takes 36 times.
/// The smaller ones are large enough to be as deep as trees become.
#[test]
fn hostile_pages_take_linear_time() {
    let options = [ARTICLE, MARKDOWN];
    let time = |page: &str, options| {
        let start = Instant::now();
        text(page, options);
        start.elapsed()
    };
    for ((name, small), (_, large)) in hostile(60_000).iter().zip(hostile(360_000)) {
        for option in options {
            let floor = Duration::from_millis(10);
            let ratio = |_| time(&large, option).as_secs_f64() / time(small, option).max(floor).as_secs_f64();
            let best = (0..8).map(ratio).take_while(|&ratio| ratio > 18.0).count();
            assert!(best < 8, "{name} grows faster than the page, {option:?}");
        }
    }
}

#[test]
fn text_does_not_grow_beyond_its_page() {
    for (name, page) in hostile(50_000) {
        for options in [ALL, ARTICLE, MARKDOWN] {
            let length = text(&page, options).len();
            assert!(length <= 20 * page.len(), "{name}: {length} bytes of {}, {options:?}", page.len());
        }
    }
}

#[test]
fn a_call_ends_soon_after_it_is_cancelled() {
    let raised = Cancel::new();
    raised.cancel();
    for (name, page) in hostile(200_000) {
        for options in [ALL, ARTICLE, MARKDOWN] {
            assert!(clean(&page, options, &raised).is_err(), "{name}, {options:?}");
        }
    }
}

#[test]
fn many_pages_are_as_one_by_one_for_any_number_of_threads() {
    let pages: Vec<String> = hostile(2_000).into_iter().map(|(_, page)| page).collect();
    let one_by_one: Vec<String> = pages.iter().map(|page| text(page, ARTICLE)).collect();
    for threads in 1..=3 {
        ferrolm_base::pool::set_num_threads(threads);
        let together = ferrolm_base::pool::install(|| clean_all(&pages, ARTICLE, &NEVER));
        assert_eq!(together.unwrap(), one_by_one);
    }
}

#[test]
fn a_drawing_ends_with_what_it_is_in() {
    for page in ["<select><svg></select>seen", "<a><svg></a>seen", "<x-y><svg><g></g></x-y>seen"] {
        assert_eq!(text(page, ALL), "seen", "{page}");
    }
    assert_eq!(text("<svg><a><g>no</g></a><x-y>no</x-y>no</svg>seen", ALL), "seen");
}

/// Tags, attributes, entities and text in any order, with any damage.
fn markup() -> impl Strategy<Value = String> {
    let names = "(a|b|p|div|table|tr|td|th|ul|ol|li|h1|pre|code|blockquote|svg|select|option|script|title|br|x-y|body|head|form|template)";
    let of = |pattern: &str| prop::string::string_regex(pattern).unwrap();
    let part = prop_oneof![
        4 => of(&format!("</?{names}>")),
        1 => of(&format!("<{names} (class|id|href|style|itemprop)=[\"']?(articleBody|post-content|comments|/x|display:none|ad)[\"']?>")),
        3 => of("[a-z .,\n]{0,40}"),
        1 => of("(&amp;|&#[0-9]{0,4};?|&[a-z]{1,6};?|<!--|-->|<|>|\"|'|=|/|\0|漢字。|\u{301}|\u{a0})"),
    ];
    prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 2000 }))]

    #[test]
    fn any_page_has_a_text(page in prop_oneof![markup(), ".{0,200}"]) {
        let words = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        let all = text(&page, ALL);
        prop_assert!(!all.contains('\0'));
        prop_assert!(all.lines().all(|line| line == line.trim() && !line.is_empty()));
        let article = text(&page, ARTICLE);
        prop_assert!(article.lines().all(|line| !line.trim().is_empty()));
        prop_assert!(words(&article).len() <= 2 * words(&all).len() + 2);
        text(&page, MARKDOWN);
        text(&page, Options { main_content: true, format: Format::Markdown });
    }
}
