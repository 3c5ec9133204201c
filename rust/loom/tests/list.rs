//! What threads do to the list of the pools at once, in every order that the memory model allows.

use loom::cell::UnsafeCell;
use loom::sync::atomic;
use loom::thread;

#[path = "../../base/src/unsafe_list.rs"]
mod unsafe_list;

use unsafe_list::AppendOnlyList;

/// A value whose reads loom holds against its writes.
struct Watched(UnsafeCell<u32>);

// SAFETY: written before it is shared, and only read after; that this is so is what loom checks.
unsafe impl Sync for Watched {}

impl Watched {
    fn new(value: u32) -> Self {
        let watched = Self(UnsafeCell::new(0));
        // SAFETY: nobody else has it yet.
        watched.0.with_mut(|place| unsafe { *place = value });
        watched
    }

    fn get(&self) -> u32 {
        // SAFETY: nobody writes any more; loom would say so.
        self.0.with(|place| unsafe { *place })
    }
}

fn find(list: &AppendOnlyList<Watched>, wanted: u32) -> Option<u32> {
    list.find(|watched| watched.get() == wanted).map(Watched::get)
}

#[test]
fn two_that_push_and_one_that_finds() {
    loom::model(|| {
        let list: &'static AppendOnlyList<Watched> = Box::leak(Box::new(AppendOnlyList::new()));
        let threads: Vec<_> = (1..=2)
            .map(|value| {
                thread::spawn(move || {
                    assert_eq!(list.push(Watched::new(value)).get(), value);
                    assert_eq!(find(list, value), Some(value));
                })
            })
            .collect();
        // Whole, or not there.
        assert!(matches!(find(list, 1), None | Some(1)));
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!((find(list, 1), find(list, 2), find(list, 3)), (Some(1), Some(2), None));
    });
}

#[test]
fn what_was_found_once_stays_while_others_push() {
    loom::model(|| {
        let list: &'static AppendOnlyList<Watched> = Box::leak(Box::new(AppendOnlyList::new()));
        list.push(Watched::new(1));
        let pushing = thread::spawn(move || {
            list.push(Watched::new(2));
            list.push(Watched::new(3));
        });
        for _ in 0..2 {
            assert_eq!(find(list, 1), Some(1));
            if find(list, 3).is_some() {
                assert_eq!(find(list, 2), Some(2));
            }
        }
        pushing.join().unwrap();
        assert_eq!(find(list, 3), Some(3));
    });
}
