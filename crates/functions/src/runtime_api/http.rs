//! HTTP/1.1 as runtimes speak it, over one connection: heads and bodies with bounds, pipelining, trailers. Our own because
//! the round trip of an invocation is what it costs: an answer and the next event go out in one write when the client asked
//! for both in one.

use std::{io, mem::MaybeUninit, ops::Range};

use bytes::{Buf as _, Bytes, BytesMut};

use super::socket::Socket;
use crate::limits::HEAD;

const MAX_HEADERS: usize = 100;
/// Room that is made for reading, bytes.
const READ: usize = 16 * 1024;

/// A request's head.
#[derive(Debug)]
pub(super) struct Head {
    raw: Bytes,
    method: Range<usize>,
    path: Range<usize>,
    /// Names and values, where they stand.
    headers: Vec<(Range<usize>, Range<usize>)>,
    /// The connection ends after the answer.
    pub(super) close: bool,
    expects: bool,
    body: Framing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
}

impl Head {
    fn bytes(&self, place: &Range<usize>) -> &[u8] {
        self.raw.get(place.clone()).unwrap_or_default()
    }

    fn text(&self, place: &Range<usize>) -> Option<&str> {
        std::str::from_utf8(self.bytes(place)).ok()
    }

    pub(super) fn method(&self) -> &str {
        self.text(&self.method).unwrap_or_default()
    }

    pub(super) fn path(&self) -> &str {
        self.text(&self.path).unwrap_or_default()
    }

    /// A header's value as text; names are compared without case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let is = |known: &Range<usize>| self.bytes(known).eq_ignore_ascii_case(name.as_bytes());
        let (_, value) = self.headers.iter().find(|(known, _)| is(known))?;
        self.text(value)
    }

    pub(super) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().filter_map(|(name, value)| Some((self.text(name)?, self.text(value)?)))
    }

    /// How long the body says it is.
    pub(super) fn length(&self) -> Option<u64> {
        match self.body {
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        }
    }
}

/// Why no head came.
#[derive(Debug)]
pub(super) enum NoHead {
    /// The client has gone.
    Closed,
    /// What came is not HTTP, or too much of it: this status, then the end.
    Bad(u16),
}

/// A connection and what was read ahead.
pub(super) struct Connection {
    stream: Socket,
    read: BytesMut,
    /// Answers that wait for the next one to go out with it.
    out: Vec<u8>,
    body: Body,
    /// What the last body ended with.
    pub(super) trailers: Vec<(String, String)>,
    /// It ends after what waits to go out.
    pub(super) closing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Done,
    Length(u64),
    /// A chunk's size comes.
    ChunkHead,
    Chunk(u64),
    /// A chunk's line end comes.
    ChunkEnd,
    Trailers,
}

impl Connection {
    pub(super) fn new(stream: Socket) -> Self {
        Self {
            stream,
            read: BytesMut::new(),
            out: Vec::new(),
            body: Body::Done,
            trailers: Vec::new(),
            closing: false,
        }
    }

    /// The next request. What waits to go out goes out first, unless a whole head is here already.
    pub(super) async fn head(&mut self) -> Result<Head, NoHead> {
        self.trailers.clear();
        loop {
            // Some clients end a request with a line end too many.
            while self.read.first().is_some_and(|b| matches!(b, b'\r' | b'\n')) {
                self.read.advance(1);
            }
            if !self.read.is_empty()
                && let Some(head) = self.parse()?
            {
                self.body = match head.body {
                    Framing::Length(0) => Body::Done,
                    Framing::Length(length) => Body::Length(length),
                    Framing::Chunked => Body::ChunkHead,
                };
                if head.expects && self.body != Body::Done && self.read.is_empty() {
                    self.out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                    self.flush().await.map_err(|_| NoHead::Closed)?;
                }
                return Ok(head);
            }
            if self.read.len() > HEAD {
                return Err(NoHead::Bad(431));
            }
            self.flush().await.map_err(|_| NoHead::Closed)?;
            match self.fill().await {
                Ok(0) if self.read.is_empty() => return Err(NoHead::Closed),
                Ok(0) => return Err(NoHead::Bad(400)),
                Ok(_) => {}
                Err(_) => return Err(NoHead::Closed),
            }
        }
    }

    fn parse(&mut self) -> Result<Option<Head>, NoHead> {
        let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut []);
        let end = match request.parse_with_uninit_headers(&self.read, &mut headers) {
            Ok(httparse::Status::Complete(end)) if end > HEAD => return Err(NoHead::Bad(431)),
            Ok(httparse::Status::Complete(end)) => end,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(NoHead::Bad(431)),
            Err(_) => return Err(NoHead::Bad(400)),
        };
        let mut length = None;
        let (mut chunked, mut expects) = (false, false);
        let mut close = request.version == Some(0);
        for header in request.headers.iter() {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            let text = || std::str::from_utf8(header.value).unwrap_or_default().trim();
            if is("content-length") {
                let value = text().parse::<u64>().map_err(|_| NoHead::Bad(400))?;
                if length.is_some_and(|known| known != value) || text().starts_with('+') {
                    return Err(NoHead::Bad(400));
                }
                length = Some(value);
            } else if is("transfer-encoding") {
                if !text().eq_ignore_ascii_case("chunked") {
                    return Err(NoHead::Bad(501));
                }
                chunked = true;
            } else if is("connection") {
                close = text().eq_ignore_ascii_case("close")
                    || (close && !text().eq_ignore_ascii_case("keep-alive"));
            } else if is("expect") {
                expects = text().eq_ignore_ascii_case("100-continue");
            }
        }
        if chunked && length.is_some() {
            return Err(NoHead::Bad(400));
        }
        let place = |part: &[u8]| {
            let from = part.as_ptr().addr().saturating_sub(self.read.as_ptr().addr());
            from..from + part.len()
        };
        let method = place(request.method.unwrap_or_default().as_bytes());
        let path = place(request.path.unwrap_or_default().as_bytes());
        let headers = request.headers.iter();
        let headers = headers.map(|header| (place(header.name.as_bytes()), place(header.value))).collect();
        let body = if chunked { Framing::Chunked } else { Framing::Length(length.unwrap_or(0)) };
        let raw = self.read.split_to(end).freeze();
        Ok(Some(Head { raw, method, path, headers, close, expects, body }))
    }

    /// The next piece of the body; `None` at its end. An error when the client goes in the middle, or does not keep to
    /// HTTP's form.
    pub(super) async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match self.body {
                Body::Done => return Ok(None),
                Body::Length(left) | Body::Chunk(left) if !self.read.is_empty() => {
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(self.read.len());
                    let piece = self.read.split_to(take).freeze();
                    let left = left - take as u64;
                    self.body = match (self.body, left) {
                        (Body::Length(_), 0) => Body::Done,
                        (Body::Length(_), left) => Body::Length(left),
                        (_, 0) => Body::ChunkEnd,
                        (_, left) => Body::Chunk(left),
                    };
                    return Ok(Some(piece));
                }
                Body::Length(_) | Body::Chunk(_) => {}
                Body::ChunkHead => match httparse::parse_chunk_size(&self.read) {
                    Ok(httparse::Status::Complete((end, size))) => {
                        self.read.advance(end);
                        self.body = if size == 0 { Body::Trailers } else { Body::Chunk(size) };
                        continue;
                    }
                    Ok(httparse::Status::Partial) if self.read.len() < 1024 => {}
                    _ => return Err(io::ErrorKind::InvalidData.into()),
                },
                Body::ChunkEnd => match self.read.get(..2) {
                    Some(b"\r\n") => {
                        self.read.advance(2);
                        self.body = Body::ChunkHead;
                        continue;
                    }
                    Some(_) => return Err(io::ErrorKind::InvalidData.into()),
                    None => {}
                },
                Body::Trailers => {
                    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
                    match httparse::parse_headers(&self.read, &mut headers) {
                        Ok(httparse::Status::Complete((end, found))) => {
                            self.trailers = found
                                .iter()
                                .map(|h| (h.name.to_owned(), String::from_utf8_lossy(h.value).into_owned()))
                                .collect();
                            self.read.advance(end);
                            self.body = Body::Done;
                            continue;
                        }
                        Ok(httparse::Status::Partial) if self.read.len() <= crate::limits::TRAILERS => {}
                        _ => return Err(io::ErrorKind::InvalidData.into()),
                    }
                }
            }
            self.flush().await?;
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The whole body; `None` when it is longer than `limit`: it is read to its end then, and thrown away.
    pub(super) async fn whole(&mut self, limit: usize) -> io::Result<Option<Bytes>> {
        let Some(first) = self.piece().await? else { return Ok(Some(Bytes::new())) };
        if self.body == Body::Done && first.len() <= limit {
            return Ok(Some(first));
        }
        let mut body = BytesMut::from(first);
        let mut over = body.len() > limit;
        while let Some(piece) = self.piece().await? {
            over = over || body.len() + piece.len() > limit;
            if !over {
                body.extend_from_slice(&piece);
            }
        }
        Ok((!over).then(|| body.freeze()))
    }

    /// Throws away what is left of the body.
    pub(super) async fn skip(&mut self) -> io::Result<()> {
        while self.piece().await?.is_some() {}
        Ok(())
    }

    /// Waits until the client has gone. What it sends meanwhile is kept for later, up to a bound.
    pub(super) async fn gone(&mut self) {
        while self.read.len() <= HEAD {
            match self.fill().await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        std::future::pending::<()>().await;
    }

    /// Puts an answer of a status, further headers and a body into what goes out.
    pub(super) fn put(&mut self, status: u16, headers: &[(&str, &str)], body: &[u8]) {
        let out = &mut self.out;
        out.reserve(256 + body.len());
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(status.to_string().as_bytes());
        out.push(b' ');
        let status = http::StatusCode::from_u16(status).unwrap_or_default();
        out.extend_from_slice(status.canonical_reason().unwrap_or("Unknown").as_bytes());
        out.extend_from_slice(b"\r\n");
        for (name, value) in headers {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            let ends = |b: &u8| *b < b' ' || *b == 127;
            if value.as_bytes().iter().any(ends) {
                // What would end the header would begin another one.
                out.extend(value.bytes().map(|b| if ends(&b) { b' ' } else { b }));
            } else {
                out.extend_from_slice(value.as_bytes());
            }
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"Content-Length: ");
        out.extend_from_slice(body.len().to_string().as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(body);
    }

    /// Whether the client has gone. What it sends meanwhile is kept for later, up to a bound.
    pub(super) fn has_gone(&mut self) -> bool {
        while self.read.len() <= HEAD {
            match self.stream.try_read_buf(&mut self.read) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
        false
    }

    /// Sends what waits as far as that goes at once.
    pub(super) fn try_flush(&mut self) {
        if !self.out.is_empty()
            && let Ok(sent) = self.stream.try_write(&self.out)
        {
            self.out.drain(..sent);
        }
    }

    /// Sends what waits.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out).await?;
            self.out.clear();
            if self.out.capacity() > 64 * 1024 {
                self.out = Vec::new();
            }
        }
        Ok(())
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.read.reserve(READ);
        self.stream.read_buf(&mut self.read).await
    }
}
