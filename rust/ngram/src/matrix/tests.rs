//! The fast way over numbers against counting the features themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferrolm_base::cancel::NEVER;
use proptest::prelude::*;

use super::characters::ascii;
use super::*;
use crate::words::WordTable;

fn twin(analyzer: &Analyzer, texts: &[&str]) -> (Vec<String>, Vec<BTreeMap<String, u32>>) {
    let rows: Vec<BTreeMap<String, u32>> = texts
        .iter()
        .map(|text| {
            let mut row = BTreeMap::new();
            analyzer.features(text, |feature| *row.entry(feature.to_owned()).or_default() += 1);
            row
        })
        .collect();
    let mut names: Vec<String> = rows.iter().flat_map(|row| row.keys().cloned()).collect();
    names.sort();
    names.dedup();
    (names, rows)
}

fn names_of(features: &Features) -> Vec<String> {
    let mut names = Vec::new();
    let Ok(()) = features.each(|name| {
        names.push(name.to_owned());
        Ok::<_, std::convert::Infallible>(())
    });
    names
}

proptest! {
    #[test]
    fn fitting_counts_the_features_and_transforming_finds_them(
        texts in prop::collection::vec("[ABab àΣ_,\n]{0,30}", 0..12),
        units in prop::sample::select(vec![Units::Words, Units::Characters, Units::CharactersInWords]),
        (smallest, more) in (1usize..6, 0usize..4),
        step in 1usize..4,
    ) {
        let range = (smallest, smallest + more);
        let analyzer = Analyzer::new(Arc::new(ascii()), units, true, WordTable::new(), range).unwrap();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (features, counted) = analyzer.fit(&texts, &NEVER).unwrap();
        let (names, rows) = twin(&analyzer, &texts);
        prop_assert_eq!(names_of(&features), names.clone());
        prop_assert_eq!(counted.starts.len(), texts.len() + 1);
        for (row, pair) in rows.iter().zip(counted.starts.windows(2)) {
            let range = pair[0] as usize..pair[1] as usize;
            let found: Vec<_> = counted.columns[range.clone()].iter().zip(&counted.counts[range]).collect();
            let expected: Vec<_> = row.iter().map(|(name, count)| (features.get(name).unwrap(), *count)).collect();
            prop_assert_eq!(found, expected.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>());
        }
        prop_assert_eq!(&analyzer.transform(&texts, &features, &NEVER).unwrap(), &counted);
        // Some of the names in another order: columns whose beginnings are none, or come later.
        let kept: Vec<&str> = names.iter().rev().map(String::as_str).step_by(step).collect();
        let given = Features::new(kept.iter().copied());
        let found = analyzer.transform(&texts, &given, &NEVER).unwrap();
        for (row, pair) in rows.iter().zip(found.starts.windows(2)) {
            let range = pair[0] as usize..pair[1] as usize;
            let here: BTreeMap<_, _> = found.columns[range.clone()].iter()
                .map(|&column| kept[column as usize].to_owned()).zip(found.counts[range].to_vec()).collect();
            let expected: BTreeMap<_, _> = row.iter().filter(|(name, _)| kept.contains(&name.as_str()))
                .map(|(name, &count)| (name.clone(), count)).collect();
            prop_assert_eq!(here, expected);
        }
        let all: Vec<Vec<String>> = texts.iter().map(|text| {
            let mut all = Vec::new();
            analyzer.features(text, |feature| all.push(feature.to_owned()));
            all
        }).collect();
        let flat: Vec<&str> = all.iter().flatten().map(String::as_str).collect();
        let mut offsets = vec![0];
        offsets.extend(all.iter().scan(0, |end, row| { *end += row.len(); Some(*end) }));
        let prepared = Prepared { features: &flat, offsets: &offsets };
        prop_assert_eq!(&prepared.fit(&NEVER).unwrap().1, &counted);
        prop_assert_eq!(&prepared.transform(&features, &NEVER).unwrap(), &counted);
        let hashing = Hashing { features: 7, alternate_sign: true, binary: false, norm: Norm::L2 };
        prop_assert_eq!(prepared.hash(&hashing, &NEVER).unwrap(), analyzer.hash(&texts, &hashing, &NEVER).unwrap());
    }
}

#[test]
fn ngrams_of_ids_are_columns_in_their_order() {
    let ids = [3, 1, 3, 1, 2];
    let (counted, places) = document_ngrams(&ids, &[0, 4, 4, 5], &[1, 3], &NEVER).unwrap();
    let keys: Vec<&[u32]> = places
        .iter()
        .map(|place| &ids[place.position as usize..place.position as usize + usize::from(place.order)])
        .collect();
    assert_eq!(keys, [&[1][..], &[1, 3, 1], &[2], &[3], &[3, 1, 3]]);
    assert_eq!((counted.starts, counted.columns), (vec![0, 4, 4, 5], vec![0, 1, 3, 4, 2]));
    assert_eq!((counted.counts, counted.width), (vec![2, 1, 2, 1, 1], 5));
}

#[test]
fn names_are_selected_with_their_columns() {
    let features = Features::new(["a", "b", "c"].into_iter());
    let kept = features.select(&[true, false, true]);
    assert_eq!(names_of(&kept), ["a", "c"]);
    assert_eq!((kept.get("c"), kept.get("b"), kept.len()), (Some(1), None, 2));
}
