//! The chain of resources a causal chain of events has passed through, its text form, and the guard that stops a loop.

use std::{
    fmt::{self, Write as _},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

/// Hops through the same resource within one chain; the next one is stopped. (AWS Lambda's recursive loop detection
/// stops after "approximately 16".)
pub const MAX_SAME: usize = 16;
/// Hops kept in all: enough for sixteen rounds through sixteen resources. A longer chain is stopped like a loop.
pub const MAX_HOPS: usize = 256;
/// Longest text form, bytes: it travels in headers.
pub const MAX_TEXT: usize = 16 << 10;

/// The chain of resources a causal chain of events has passed through, oldest first (ARNs).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// One entry a hop.
    pub hops: Vec<Arc<str>>,
}

/// What a resource wants done with a chain that comes through it again and again (Lambda's words).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecursiveLoop {
    /// Stop it.
    #[default]
    Terminate,
    /// The loop is wanted.
    Allow,
}

/// The chain was stopped: it went through `resource` too often, or is too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopStopped {
    /// Where it was stopped.
    pub resource: Arc<str>,
    /// How many hops through it the chain has already.
    pub times: usize,
}

impl fmt::Display for LoopStopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "stopped a loop at {}: the chain of events went through it {} times already",
            self.resource, self.times
        )
    }
}
impl std::error::Error for LoopStopped {}

impl Lineage {
    /// How often the chain went through a resource.
    pub fn times(&self, resource: &str) -> usize {
        self.hops.iter().filter(|hop| &***hop == resource).count()
    }

    /// Adds a hop, or stops a loop: the 17th hop through the same resource, unless the resource allows it.
    /// Where loops are allowed only the newest [`MAX_HOPS`] are kept.
    pub fn push(&mut self, resource: impl Into<Arc<str>>, wish: RecursiveLoop) -> Result<(), LoopStopped> {
        let resource = resource.into();
        if wish == RecursiveLoop::Terminate {
            let times = self.times(&resource);
            if times >= MAX_SAME || self.hops.len() >= MAX_HOPS {
                return Err(LoopStopped { resource, times });
            }
        } else if self.hops.len() >= MAX_HOPS {
            self.hops.drain(..=self.hops.len() - MAX_HOPS);
        }
        self.hops.push(resource);
        Ok(())
    }

    /// The text form: hops with commas between; one that occurred before is the number of its first occurrence among the
    /// different ones: `arn:…:a,arn:…:b,0,1,0`. Commas, percent signs and what is not printable ASCII are escaped as `%XX`.
    pub fn encode(&self) -> String {
        let mut known: Vec<&str> = Vec::new();
        let mut text = String::new();
        for hop in &self.hops {
            if !text.is_empty() {
                text.push(',');
            }
            if let Some(number) = known.iter().position(|k| *k == &**hop) {
                text.push_str(&number.to_string());
            } else {
                known.push(hop);
                escape(hop, &mut text);
            }
        }
        text
    }

    /// Reads the text form. `None` when it is not one, or over the limits. It may come from outside: it can make the
    /// guard stricter for its sender, nothing else.
    pub fn decode(text: &str) -> Option<Self> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let mut known: Vec<Arc<str>> = Vec::new();
        let mut hops = Vec::new();
        for part in text.split(',').filter(|_| !text.is_empty()) {
            if hops.len() == MAX_HOPS {
                return None;
            }
            let hop = if part.bytes().all(|b| b.is_ascii_digit()) {
                Arc::clone(known.get(part.parse::<usize>().ok()?)?)
            } else {
                let hop: Arc<str> = unescape(part)?.into();
                known.push(Arc::clone(&hop));
                hop
            };
            hops.push(hop);
        }
        Some(Self { hops })
    }
}

fn escape(hop: &str, text: &mut String) {
    // A resource whose name is a number would read as a reference: its first digit is escaped too.
    let number = hop.bytes().all(|b| b.is_ascii_digit());
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b',' | b'%');
    if !number && hop.bytes().all(plain) {
        return text.push_str(hop);
    }
    for (at, byte) in hop.bytes().enumerate() {
        if plain(byte) && !(number && at == 0) {
            text.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

fn unescape(part: &str) -> Option<String> {
    let mut bytes = part.bytes();
    let mut hop = Vec::with_capacity(part.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            hop.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            hop.push(byte);
        }
    }
    String::from_utf8(hop).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seventeenth_hop_is_stopped() {
        let mut chain = Lineage::default();
        for _ in 0..MAX_SAME {
            chain.push("arn:a", RecursiveLoop::Terminate).unwrap();
            chain.push("arn:b", RecursiveLoop::Terminate).unwrap();
        }
        let stopped = chain.push("arn:a", RecursiveLoop::Terminate).unwrap_err();
        assert_eq!((stopped.times, &*stopped.resource), (16, "arn:a"));
        assert_eq!(chain.hops.len(), 32, "a stopped hop is not added");
        chain.push("arn:a", RecursiveLoop::Allow).unwrap();
        chain.push("arn:c", RecursiveLoop::Terminate).unwrap();
    }

    #[test]
    fn long_chains_are_bounded() {
        let mut chain = Lineage::default();
        for n in 0..MAX_HOPS {
            chain.push(format!("arn:{n}"), RecursiveLoop::Terminate).unwrap();
        }
        chain.push("arn:new", RecursiveLoop::Terminate).unwrap_err();
        chain.push("arn:new", RecursiveLoop::Allow).unwrap();
        assert_eq!((chain.hops.len(), &*chain.hops[0]), (MAX_HOPS, "arn:1"));
    }

    #[test]
    fn the_text_comes_back() {
        let hops = ["arn:aws:sqs:eu-west-1:000000000000:q", "a,b", "\u{e4}%", "42", "a,b", "42", "x y"]
            .map(Arc::from);
        let chain = Lineage { hops: hops.to_vec() };
        let text = chain.encode();
        assert_eq!(text, "arn:aws:sqs:eu-west-1:000000000000:q,a%2Cb,%C3%A4%25,%342,1,3,x%20y");
        assert_eq!(Lineage::decode(&text), Some(chain));
        assert_eq!(Lineage::decode(""), Some(Lineage::default()));
    }

    #[test]
    fn bad_texts_are_refused() {
        for bad in ["0", "a,1", "a,%4", "a,%zz", "%ff", "a,,b", &"a,".repeat(300), &"a".repeat(MAX_TEXT + 1)]
        {
            assert_eq!(Lineage::decode(bad), None, "{bad:.20}");
        }
    }
}
