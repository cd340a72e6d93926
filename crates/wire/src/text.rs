//! Looking through long texts.

/// Bytes looked at together.
const CHUNK: usize = 64;

/// Where the first byte of a kind stands. Most texts hold none: chunks are looked at without a way out, which the
/// compiler turns into vector instructions.
pub(crate) fn find(bytes: &[u8], kind: impl Fn(u8) -> bool) -> Option<usize> {
    let holds = |chunk: &[u8]| chunk.iter().fold(false, |found, byte| found | kind(*byte));
    let clean = bytes.chunks(CHUNK).take_while(|chunk| !holds(chunk)).count() * CHUNK;
    bytes.get(clean..)?.iter().position(|byte| kind(*byte)).map(|at| clean + at)
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn everywhere() {
        for length in [0, 1, 63, 64, 65, 128, 200] {
            let mut bytes = vec![b'a'; length];
            assert_eq!(find(&bytes, |byte| byte == b'b'), None);
            for at in (0..length).rev() {
                bytes[at] = b'b';
                assert_eq!(find(&bytes, |byte| byte == b'b'), Some(at));
            }
        }
    }
}
