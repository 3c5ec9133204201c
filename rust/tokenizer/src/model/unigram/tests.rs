use proptest::prelude::*;

use super::lattice::Lattice;
use super::*;

fn model(pieces: &[(String, f64)], unk_id: Option<usize>, byte_fallback: bool) -> Unigram {
    let options = UnigramOptions { unk_id, byte_fallback, ..UnigramOptions::default() };
    Unigram::new(pieces.iter().map(|(piece, score)| (piece.as_str(), *score)), options).unwrap()
}

fn tokens(model: &Unigram, text: &str) -> Option<Vec<PieceToken>> {
    let mut tokens = Vec::new();
    model.tokenize(text, &mut tokens).ok().map(|()| tokens)
}

/// The definition: from each character on, try every piece; of equal sums the first stays.
fn slow(model: &Unigram, text: &str) -> Option<Vec<PieceToken>> {
    let mut best: Vec<Option<(f64, u32, usize)>> = vec![None; text.len() + 1];
    best[0] = Some((0.0, 0, 0));
    for (start, character) in text.char_indices() {
        let before = best[start]?.0;
        let mut alone = false;
        for end in (start + 1..=text.len()).filter(|&end| text.is_char_boundary(end)) {
            if let Some(id) = model.vocabulary.id(&text[start..end]) {
                let sum = model.pieces[id as usize].score + before;
                if best[end].is_none_or(|(score, ..)| sum > score) {
                    best[end] = Some((sum, id, start));
                }
                alone |= end == start + character.len_utf8();
            }
        }
        let (end, sum) = (start + character.len_utf8(), model.unk_score + before);
        if !alone && best[end].is_none_or(|(score, ..)| sum > score) {
            best[end] = Some((sum, model.options.unk_id? as u32, start));
        }
    }
    let mut steps: Vec<(u32, usize, usize)> = Vec::new();
    let mut end = text.len();
    while end > 0 {
        let (_, id, start) = best[end]?;
        match steps.last_mut() {
            Some(last) if last.0 == id && Some(id as usize) == model.options.unk_id => last.1 = start,
            _ => steps.push((id, start, end)),
        }
        end = start;
    }
    let mut tokens = Vec::new();
    for (id, start, end) in steps.into_iter().rev() {
        let text = &text[start..end];
        let bytes: Option<Vec<u32>> =
            text.bytes().map(|byte| model.vocabulary.id(&format!("<0x{byte:02X}>"))).collect();
        let (ids, verbatim) = match (model.vocabulary.id(text), bytes) {
            (Some(id), _) => (vec![id], false),
            (None, Some(ids)) if model.options.byte_fallback => (ids, false),
            _ => (vec![id], true),
        };
        let token = |id| PieceToken { id, start: start as u32, end: end as u32, verbatim };
        tokens.extend(ids.into_iter().map(token));
    }
    Some(tokens)
}

proptest! {
    #[test]
    fn the_best_path_is_that_of_the_definition(
        pieces in proptest::collection::vec(("[abé]{0,4}|<0x(61|63|C3|A9)>|<unk>", -3i8..3), 1..25),
        whole in any::<bool>(),
        unk in proptest::option::of(0usize..25),
        byte_fallback in any::<bool>(),
        texts in proptest::collection::vec("([abcé]|<unk>){0,12}", 20),
    ) {
        let scale = if whole { 1.0 } else { 0.1 };
        let pieces: Vec<_> =
            pieces.into_iter().map(|(piece, score)| (piece, f64::from(score) * scale)).collect();
        let model = model(&pieces, unk.filter(|&unk| unk < pieces.len()), byte_fallback);
        for text in &texts {
            prop_assert_eq!(tokens(&model, text), slow(&model, text));
        }
    }

    #[test]
    fn the_best_paths_are_the_best_of_all(
        pieces in proptest::collection::vec(("[ab]{1,3}", -30i8..0), 1..12),
        text in "[abc]{1,7}",
        n in 1usize..40,
    ) {
        let pieces: Vec<_> = pieces.into_iter().map(|(piece, score)| (piece, f64::from(score))).collect();
        let lattice = Lattice::new(&model(&pieces, Some(0), false), &text, 0);
        let mut all = vec![0.0];
        let mut open = vec![(lattice.characters(), 0.0)];
        all.clear();
        while let Some((at, score)) = open.pop() {
            if at == 0 {
                all.push(score);
            }
            open.extend(lattice.nodes[lattice.ending_after(at)].iter().map(|node| (node.before, score + node.score)));
        }
        all.sort_by(|left, right| right.total_cmp(left));
        all.truncate(n);
        let found = sample::best_paths(&lattice, n);
        let scores: Vec<f64> = found.iter().map(|path| path.iter().map(|node| node.score).sum()).collect();
        prop_assert_eq!(scores, all);
    }
}

#[test]
fn sampling_gives_whole_texts_and_different_ones() {
    let pieces = [("<unk>", 0.0), ("a", -1.0), ("b", -1.5), ("ab", -2.0), ("aba", -2.5)];
    let pieces = pieces.map(|(piece, score)| (piece.to_owned(), score));
    let base = model(&pieces, Some(0), false);
    for nbest_size in [None, Some(1), Some(3), Some(1000)] {
        let model = base.clone().with_sampling(Some(0.5), nbest_size);
        let drawn: std::collections::HashSet<Vec<u32>> = (0..300)
            .map(|_| {
                let tokens = tokens(&model, "abaab").unwrap();
                assert!(tokens.first().unwrap().start == 0 && tokens.last().unwrap().end == 5);
                assert!(tokens.windows(2).all(|pair| pair[0].end == pair[1].start));
                tokens.iter().map(|token| token.id).collect()
            })
            .collect();
        assert!(if nbest_size == Some(1) { drawn.len() == 1 } else { drawn.len() > 1 }, "{drawn:?}");
    }
    let same = base.clone().with_sampling(Some(0.0), None);
    assert_eq!((same.is_random(), tokens(&same, "abaab")), (false, tokens(&base, "abaab")));
}

#[test]
fn a_long_text_is_linear_even_when_pieces_are_long() {
    let long = "a".repeat(100_000) + "b";
    let pieces = [("<unk>".to_owned(), 0.0), ("a".to_owned(), -1.0), (long, -1.0)];
    let found = tokens(&model(&pieces, Some(0), false), &"a".repeat(200_000)).unwrap();
    assert_eq!(found.len(), 200_000);
}

#[test]
fn an_unk_id_must_be_in_the_vocabulary_and_is_needed_for_unknown_text() {
    let options = UnigramOptions { unk_id: Some(2), ..UnigramOptions::default() };
    assert!(Unigram::new([("a", 0.0)].into_iter(), options.clone()).is_err());
    assert!(Unigram::new([].into_iter(), options).is_err());
    let without = model(&[("a".to_owned(), 0.0)], None, false);
    assert!(tokens(&without, "ab").is_none() && tokens(&without, "aa").is_some());
}
