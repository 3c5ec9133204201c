#![allow(clippy::all, clippy::pedantic, clippy::print_stdout, clippy::unwrap_used)]
use ferrolm_base::cancel::NEVER;
use ferrolm_ngram::*;
use std::time::Instant;
fn cpu() -> f64 {
    let mut t = 0u64;
    for e in std::fs::read_dir("/proc/self/task").unwrap() {
        let s = std::fs::read_to_string(e.unwrap().path().join("schedstat")).unwrap();
        t += s.split_whitespace().next().unwrap().parse::<u64>().unwrap();
    }
    t as f64 * 1e-9
}
fn main() {
    let path = std::path::Path::new("/tmp/b45.flm");
    let fast = flm::load(path, false, &NEVER).unwrap();
    let text = std::fs::read_to_string("/tmp/b50.txt").unwrap();
    let lines: Vec<&str> = text[46_000_003..].split('\n').skip(1).collect();
    let mut ids = vec![];
    let mut offsets = vec![0i64];
    for l in &lines {
        for w in l.split_whitespace() {
            let v = fast.vocabulary();
            ids.push(v.outer(v.inner_of(w)));
        }
        offsets.push(ids.len() as i64);
    }
    let n = (ids.len() + lines.len()) as f64;
    let ends = Ends { begin: true, end: true };
    let mode = std::env::args().nth(1).unwrap_or_default();
    let t = Instant::now();
    let models: Vec<(&str, Model)> = match mode.as_str() {
        "c" => vec![("compact", fast.compact(None, &NEVER).unwrap())],
        "q" => vec![("q8", fast.compact(Some(8), &NEVER).unwrap())],
        "H" => vec![("hashed", fast.hashed(&NEVER).unwrap())],
        "h" => vec![("hashed", fast.hashed(&NEVER).unwrap()), ("fast", fast)],
        "f" => vec![("fast", fast)],
        _ => {
            let c = fast.compact(None, &NEVER).unwrap();
            let q = fast.compact(Some(8), &NEVER).unwrap();
            vec![("fast", fast), ("compact", c), ("q8", q)]
        }
    };
    println!("made {:?}", t.elapsed());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for _ in 0..std::env::args().nth(2).map_or(4, |n| n.parse().unwrap()) {
        for (name, m) in &models {
            println!("{}", m.bytes());
            let t = cpu();
            let s: f64 = pool
                .install(|| {
                    if std::env::var("SINGLE").is_ok() {
                        vec![]
                    } else {
                        m.totals(&ids, &offsets, ends, &NEVER).unwrap()
                    }
                })
                .iter()
                .map(|t| t.log10)
                .sum();
            let a = cpu() - t;
            if std::env::var("BATCH").is_ok_and(|v| v == "1") {
                println!("{name} {:.2}", n / a / 1e6);
                continue;
            }
            let t = cpu();
            let z: f64 = lines.iter().map(|l| f64::from(m.score(l, ends))).sum();
            let b = cpu() - t;
            println!("{name} batch {:.2} M/s single {:.2} M/s {s} {z}", n / a / 1e6, n / b / 1e6);
        }
    }
}
