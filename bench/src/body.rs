//! The messages' bodies: a pool of texts that no compression shrinks much, each with its MD5.

use std::sync::Arc;

use md5::{Digest as _, Md5};

use crate::sign::push_hex;

/// Digits at a body's start that name its place in the pool.
const NUMBER: usize = 6;
/// Bodies in a pool, and bytes that a pool may take: enough that equal ones stand far apart, little enough for a cache.
const COUNT: usize = 1024;
const POOL_BYTES: usize = 32 << 20;

/// One body.
#[derive(Debug)]
pub struct Body {
    /// The text: letters and digits only, so it is the same inside a JSON string.
    pub text: Vec<u8>,
    /// MD5 of the text in hexadecimal digits, as SQS answers it.
    pub md5: Vec<u8>,
}

/// A pool of bodies of one length. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bodies {
    pool: Arc<[Body]>,
    empty: Arc<Body>,
}

impl Bodies {
    /// Bodies of `length` bytes each, at least six.
    pub fn new(length: usize) -> Self {
        let length = length.max(NUMBER);
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let pool = (0..(POOL_BYTES / length).clamp(16, COUNT))
            .map(|number| {
                let mut text = format!("{number:0NUMBER$}").into_bytes();
                text.extend(std::iter::repeat_with(|| letter(&mut state)).take(length - NUMBER));
                body(text)
            })
            .collect();
        Self { pool, empty: Arc::new(body(Vec::new())) }
    }

    /// The body with this number; numbers beyond the pool begin again at its start.
    pub fn get(&self, number: usize) -> &Body {
        self.pool.get(number % self.pool.len().max(1)).unwrap_or(&self.empty)
    }

    /// The pool's body that is equal to a received text, with its number.
    pub fn find(&self, text: &[u8]) -> Option<(usize, &Body)> {
        let number = std::str::from_utf8(text.get(..NUMBER)?).ok()?.parse::<usize>().ok()?;
        self.pool.get(number).filter(|body| body.text == text).map(|body| (number, body))
    }
}

fn body(text: Vec<u8>) -> Body {
    let mut md5 = Vec::new();
    push_hex(&mut md5, &Md5::digest(&text));
    Body { text, md5 }
}

/// Next letter or digit of a xorshift sequence: the same bodies in every run.
fn letter(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let index = usize::try_from(*state >> 40).unwrap_or_default() % letters.len();
    letters.get(index).copied().unwrap_or(b'x')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_found_again_and_differ() {
        let bodies = Bodies::new(300);
        assert_eq!(bodies.get(3).text.len(), 300);
        assert_ne!(bodies.get(3).text, bodies.get(4).text);
        assert_eq!(bodies.get(3).text, bodies.get(3 + COUNT).text);
        assert_eq!(bodies.find(&bodies.get(77).text).unwrap().0, 77);
        let mut changed = bodies.get(77).text.clone();
        changed[200] ^= 1;
        assert!(bodies.find(&changed).is_none());
        assert!(bodies.find(b"").is_none());
        assert_eq!(Bodies::new(0).get(5).text, b"000005");
    }
}
