use std::time::Instant;
fn main() {
    let folder = std::env::args().nth(1).unwrap();
    let all = std::env::args().nth(2).as_deref() == Some("all");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    let pages: Vec<String> = paths.iter().map(|p| std::fs::read_to_string(p).unwrap()).collect();
    let start = Instant::now();
    let texts: Vec<String> = pages.iter().map(|p| ferrolm_text::html::clean(p, !all, &ferrolm_base::cancel::NEVER).unwrap()).collect();
    eprintln!("{:.0} docs/s", pages.len() as f64 / start.elapsed().as_secs_f64());
    for t in texts { print!("{t}\0"); }
}
