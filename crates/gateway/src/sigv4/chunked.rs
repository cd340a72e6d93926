//! `aws-chunked` bodies: `size;chunk-signature=…` before each chunk, each signature covering the one before.
//!
//! The decoder takes bytes as they come and gives data as it can. With a [`ChunkChain`] a chunk's signature is checked at
//! its end: whoever uses data must not act on it before [`ChunkDecoder::finish`] said that all of it was good.

use bytes::{Buf, Bytes, BytesMut};
use moln_kernel::encoding::{hex, unhex};
use ring::{digest, hmac};

use super::EMPTY_SHA256;

/// Longest chunk header or trailer line; ours and every SDK's are under 200 bytes.
const MAX_LINE: usize = 4_096;
/// Most trailers of one body.
const MAX_TRAILERS: usize = 16;

/// Why a chunked body was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkError {
    /// Not in the form of `aws-chunked`; says where.
    Malformed(&'static str),
    /// A chunk's or the trailers' signature is wrong.
    Signature,
    /// The body ended early.
    Truncated,
    /// The data is not as long as `x-amz-decoded-content-length` says.
    Length,
}

/// The running chain of chunk signatures.
#[derive(Clone)]
pub struct ChunkChain {
    key: hmac::Key,
    date: String,
    scope: String,
    previous: String,
}

impl ChunkChain {
    pub(crate) fn new(key: hmac::Key, date: String, scope: String, seed: String) -> Self {
        Self { key, date, scope, previous: seed }
    }

    fn text(&self, kind: &str, lines: &[&str]) -> String {
        let mut text = format!("{kind}\n{}\n{}\n{}", self.date, self.scope, self.previous);
        for line in lines {
            text.push('\n');
            text.push_str(line);
        }
        text
    }

    fn check(&mut self, text: &str, claimed: &str) -> Result<(), ChunkError> {
        let bytes = unhex::<32>(claimed).ok_or(ChunkError::Signature)?;
        hmac::verify(&self.key, text.as_bytes(), &bytes).map_err(|_| ChunkError::Signature)?;
        claimed.clone_into(&mut self.previous);
        Ok(())
    }

    fn chunk(&mut self, data: digest::Context, claimed: &str) -> Result<(), ChunkError> {
        let hash = hex(data.finish().as_ref());
        let text = self.text("AWS4-HMAC-SHA256-PAYLOAD", &[EMPTY_SHA256, &hash]);
        self.check(&text, claimed)
    }

    fn trailers(&mut self, data: digest::Context, claimed: &str) -> Result<(), ChunkError> {
        let hash = hex(data.finish().as_ref());
        let text = self.text("AWS4-HMAC-SHA256-TRAILER", &[&hash]);
        self.check(&text, claimed)
    }

    /// Signs a chunk, for clients and tests.
    #[cfg(test)]
    fn sign_chunk(&mut self, data: &[u8]) -> String {
        let hash = hex(digest::digest(&digest::SHA256, data).as_ref());
        let text = self.text("AWS4-HMAC-SHA256-PAYLOAD", &[EMPTY_SHA256, &hash]);
        self.previous = hex(hmac::sign(&self.key, text.as_bytes()).as_ref());
        self.previous.clone()
    }
}

fn fresh() -> digest::Context {
    digest::Context::new(&digest::SHA256)
}

enum State {
    /// Before a chunk's header line.
    Header,
    /// Within a chunk's data.
    Data { left: u64 },
    /// Before the line end behind a chunk's data.
    DataEnd,
    /// Within the trailers.
    Trailers,
    /// Behind everything.
    Done,
}

/// Takes an `aws-chunked` body apart.
pub struct ChunkDecoder {
    state: State,
    buffer: BytesMut,
    chain: Option<ChunkChain>,
    signature: String,
    hash: digest::Context,
    trailer_hash: digest::Context,
    trailers: Vec<(String, String)>,
    expected: Option<u64>,
    seen: u64,
}

impl ChunkDecoder {
    /// `chain`: verifies each chunk. `expected`: `x-amz-decoded-content-length`.
    pub fn new(chain: Option<ChunkChain>, expected: Option<u64>) -> Self {
        Self {
            state: State::Header,
            buffer: BytesMut::new(),
            chain,
            signature: String::new(),
            hash: fresh(),
            trailer_hash: fresh(),
            trailers: Vec::new(),
            expected,
            seen: 0,
        }
    }

    /// Takes more of the body; gives data to `out` in order.
    pub fn push(&mut self, bytes: &[u8], out: &mut impl FnMut(Bytes)) -> Result<(), ChunkError> {
        self.buffer.extend_from_slice(bytes);
        while self.step(out)? {}
        Ok(())
    }

    /// Says whether the body was whole and good; gives the trailers, names in lower case.
    pub fn finish(self) -> Result<Vec<(String, String)>, ChunkError> {
        match self.state {
            State::Done if self.expected.is_none_or(|expected| expected == self.seen) => Ok(self.trailers),
            State::Done => Err(ChunkError::Length),
            _ => Err(ChunkError::Truncated),
        }
    }

    /// One step; `false` when more bytes are needed.
    fn step(&mut self, out: &mut impl FnMut(Bytes)) -> Result<bool, ChunkError> {
        match self.state {
            State::Header => {
                let Some(line) = self.line()? else { return Ok(false) };
                self.header(&line)?;
            }
            State::Data { left } => {
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
                if take == 0 {
                    return Ok(false);
                }
                let data = self.buffer.split_to(take).freeze();
                if self.chain.is_some() {
                    self.hash.update(&data);
                }
                out(data);
                let left = left - take as u64;
                self.state = if left == 0 { State::DataEnd } else { State::Data { left } };
            }
            State::DataEnd => {
                if self.buffer.len() < 2 {
                    return Ok(false);
                }
                if !self.buffer.starts_with(b"\r\n") {
                    return Err(ChunkError::Malformed("no line end behind a chunk"));
                }
                self.buffer.advance(2);
                self.chunk_ends()?;
                self.state = State::Header;
            }
            State::Trailers => {
                let Some(line) = self.line()? else { return Ok(false) };
                self.trailer(&line)?;
            }
            State::Done if self.buffer.is_empty() => return Ok(false),
            State::Done => return Err(ChunkError::Malformed("bytes behind the last chunk")),
        }
        Ok(true)
    }

    fn header(&mut self, line: &str) -> Result<(), ChunkError> {
        let (size, extensions) = line.split_once(';').unwrap_or((line, ""));
        let size = size.trim();
        if size.is_empty() || size.len() > 16 || !size.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(ChunkError::Malformed("a chunk's size is not a hexadecimal number"));
        }
        let size = u64::from_str_radix(size, 16)
            .map_err(|_| ChunkError::Malformed("a chunk's size is too large"))?;
        extensions
            .split(';')
            .find_map(|e| e.trim().strip_prefix("chunk-signature="))
            .unwrap_or_default()
            .clone_into(&mut self.signature);
        self.seen = self.seen.saturating_add(size);
        if self.expected.is_some_and(|expected| self.seen > expected) {
            return Err(ChunkError::Length);
        }
        if size == 0 {
            self.chunk_ends()?;
            self.state = State::Trailers;
        } else {
            self.state = State::Data { left: size };
        }
        Ok(())
    }

    fn chunk_ends(&mut self) -> Result<(), ChunkError> {
        let hash = std::mem::replace(&mut self.hash, fresh());
        match &mut self.chain {
            Some(chain) => chain.chunk(hash, &self.signature),
            None => Ok(()),
        }
    }

    fn trailer(&mut self, line: &str) -> Result<(), ChunkError> {
        if line.is_empty() {
            self.state = State::Done;
            // Trailers that nobody signed must not be believed where signatures are asked for.
            return if self.chain.is_some() && !self.trailers.is_empty() {
                Err(ChunkError::Signature)
            } else {
                Ok(())
            };
        }
        let (name, value) = line.split_once(':').ok_or(ChunkError::Malformed("a trailer without a colon"))?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if name == "x-amz-trailer-signature" {
            let hash = std::mem::replace(&mut self.trailer_hash, fresh());
            if let Some(mut chain) = self.chain.take() {
                chain.trailers(hash, value)?;
            }
            return Ok(());
        }
        if self.trailers.len() >= MAX_TRAILERS {
            return Err(ChunkError::Malformed("too many trailers"));
        }
        for part in [name.as_str(), ":", value, "\n"] {
            self.trailer_hash.update(part.as_bytes());
        }
        self.trailers.push((name, value.to_owned()));
        Ok(())
    }

    /// The next line without its end.
    fn line(&mut self) -> Result<Option<String>, ChunkError> {
        let Some(end) = self.buffer.windows(2).take(MAX_LINE).position(|pair| pair == b"\r\n") else {
            return if self.buffer.len() > MAX_LINE {
                Err(ChunkError::Malformed("a line is too long"))
            } else {
                Ok(None)
            };
        };
        let line = self.buffer.split_to(end);
        self.buffer.advance(2);
        match std::str::from_utf8(&line) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(ChunkError::Malformed("a line is not text")),
        }
    }
}

/// Decodes a body that is there as a whole.
pub fn decode_all(
    body: &[u8],
    chain: Option<ChunkChain>,
    expected: Option<u64>,
) -> Result<(Bytes, Vec<(String, String)>), ChunkError> {
    let mut decoder = ChunkDecoder::new(chain, expected);
    let mut data = BytesMut::with_capacity(body.len());
    decoder.push(body, &mut |bytes| data.extend_from_slice(&bytes))?;
    Ok((data.freeze(), decoder.finish()?))
}

#[cfg(test)]
#[path = "chunked_tests.rs"]
mod tests;
