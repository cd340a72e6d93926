//! Short texts that come again with every request (accounts, regions) are kept once per thread, so that a context costs
//! a hash and a reference count instead of an allocation, and threads do not share a counter.

use std::{cell::RefCell, collections::HashSet, sync::Arc};

/// Texts kept per thread; further ones are allocated anew each time.
const MOST: usize = 1_024;
/// Longest text worth keeping, bytes.
const LONGEST: usize = 64;

thread_local! {
    static KEPT: RefCell<HashSet<Arc<str>>> = RefCell::default();
}

/// The text, shared where it is known already.
pub(crate) fn intern(text: &str) -> Arc<str> {
    KEPT.with_borrow_mut(|kept| {
        if let Some(known) = kept.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        if kept.len() < MOST && text.len() <= LONGEST {
            kept.insert(Arc::clone(&new));
        }
        new
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_is_shared_and_the_table_is_bounded() {
        assert!(Arc::ptr_eq(&intern("eu-north-1"), &intern("eu-north-1")));
        for n in 0..2 * MOST {
            intern(&n.to_string());
        }
        KEPT.with_borrow(|kept| assert_eq!(kept.len(), MOST));
        assert_eq!(&*intern("beyond"), "beyond");
    }
}
