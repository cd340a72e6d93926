//! Bodies that come or go piece by piece, so that neither side holds them as a whole.

use std::{
    fmt,
    future::poll_fn,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use moln_kernel::ApiError;

use crate::shape::{Read, ReadShape, ShapeReader, ShapeWriter, WriteShape};

/// Where the pieces of a body come from.
pub trait Pieces: Send {
    /// The next piece; `None` at the end. After an error nothing more comes.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ApiError>>>;
    /// Names (lower case) and values that stand behind the last piece; known once the end was reached.
    fn trailers(&mut self) -> Vec<(String, String)> {
        Vec::new()
    }
}

impl<F> Pieces for F
where
    F: FnMut(&mut Context<'_>) -> Poll<Option<Result<Bytes, ApiError>>> + Send,
{
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ApiError>>> {
        self(cx)
    }
}

/// A body, whole or in pieces: what streaming blobs are in generated types. Making one of [`Bytes`] costs nothing.
///
/// As an input it must be read to its end before anything is acted upon: a signature or checksum that covers the whole
/// body is judged there, and a bad one is the last answer of [`ByteStream::next`]. As an output an error cuts the
/// connection, so that the client sees that something is missing.
#[derive(Default)]
pub struct ByteStream {
    source: Source,
    size: Option<u64>,
    announced: Vec<String>,
    trailers: Vec<(String, String)>,
}

#[derive(Default)]
enum Source {
    #[default]
    Ended,
    Whole(Bytes),
    /// The lock is there because writers only borrow what they write; nobody ever waits for it.
    Pieces(Mutex<Option<Box<dyn Pieces>>>),
}

impl ByteStream {
    /// A body in pieces; `size`: how many bytes there will be, when that is known.
    pub fn new(size: Option<u64>, pieces: impl Pieces + 'static) -> Self {
        let source = Source::Pieces(Mutex::new(Some(Box::new(pieces))));
        Self { source, size, ..Self::default() }
    }

    /// The same body, of which it is known before that trailers of these names (lower case) stand behind it.
    pub fn announcing(self, announced: Vec<String>) -> Self {
        Self { announced, ..self }
    }

    /// Whether a trailer was announced.
    pub fn announces(&self, name: &str) -> bool {
        self.announced.iter().any(|known| known == name)
    }

    /// The next piece, never empty; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, ApiError>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next piece, never empty; `None` at the end.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ApiError>>> {
        let pieces = match &mut self.source {
            Source::Ended => return Poll::Ready(None),
            Source::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                self.source = Source::Ended;
                return Poll::Ready((!bytes.is_empty()).then_some(Ok(bytes)));
            }
            Source::Pieces(pieces) => pieces.get_mut().unwrap_or_else(PoisonError::into_inner),
        };
        let Some(source) = pieces else { return Poll::Ready(None) };
        loop {
            match source.poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(piece))) if piece.is_empty() => {}
                Poll::Ready(Some(Ok(piece))) => {
                    self.size = self.size.map(|size| size.saturating_sub(piece.len() as u64));
                    return Poll::Ready(Some(Ok(piece)));
                }
                Poll::Ready(Some(Err(error))) => {
                    self.source = Source::Ended;
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(None) => {
                    self.trailers = source.trailers();
                    self.source = Source::Ended;
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// How many bytes are still to come, when that is known. A client's promise, until the end was reached.
    pub fn size(&self) -> Option<u64> {
        match &self.source {
            Source::Ended => Some(0),
            Source::Whole(bytes) => Some(bytes.len() as u64),
            Source::Pieces(_) => self.size,
        }
    }

    /// Names (lower case) and values that stood behind the body (`x-amz-checksum-crc32c`); empty before the end.
    pub fn trailers(&self) -> &[(String, String)] {
        &self.trailers
    }

    /// The value of a trailer; `None` before the end.
    pub fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Everything at once, when it is there already (gives itself back when it is not).
    pub fn whole(self) -> Result<Bytes, Self> {
        match self.source {
            Source::Whole(bytes) => Ok(bytes),
            Source::Ended => Ok(Bytes::new()),
            Source::Pieces(_) => Err(self),
        }
    }

    /// Reads it to its end, at most `limit` bytes.
    ///
    /// Errors: the body's own, and `RequestEntityTooLarge` (413) over the limit.
    pub async fn collect(mut self, limit: usize) -> Result<Bytes, ApiError> {
        let too_large = || {
            ApiError::sender("RequestEntityTooLarge", format!("The body must be at most {limit} bytes long."))
                .with_status(413)
        };
        let Some(first) = self.next().await.transpose()? else { return Ok(Bytes::new()) };
        let Some(second) = self.next().await.transpose()? else {
            return if first.len() > limit { Err(too_large()) } else { Ok(first) };
        };
        let mut all = BytesMut::from(&first[..]);
        let mut next = Some(second);
        while let Some(piece) = next {
            if all.len() + piece.len() > limit {
                return Err(too_large());
            }
            all.extend_from_slice(&piece);
            next = self.next().await.transpose()?;
        }
        Ok(all.freeze())
    }

    /// What is left, leaving nothing behind. For writers, which only borrow what they write.
    pub(crate) fn take(&self) -> Self {
        let source = match &self.source {
            Source::Ended => Source::Ended,
            Source::Whole(bytes) => Source::Whole(bytes.clone()),
            Source::Pieces(pieces) => match pieces.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(pieces) => Source::Pieces(Mutex::new(Some(pieces))),
                None => Source::Ended,
            },
        };
        Self { source, size: self.size, ..Self::default() }
    }
}

impl From<Bytes> for ByteStream {
    fn from(bytes: Bytes) -> Self {
        Self { source: Source::Whole(bytes), ..Self::default() }
    }
}

impl From<Vec<u8>> for ByteStream {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl fmt::Debug for ByteStream {
    /// Its size, never its content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.size() {
            Some(size) => write!(f, "ByteStream({size} bytes)"),
            None => f.write_str("ByteStream"),
        }
    }
}

impl ReadShape for ByteStream {
    fn read(reader: &mut dyn ShapeReader) -> Read<Self> {
        reader.stream()
    }
}

impl WriteShape for ByteStream {
    fn write(&self, writer: &mut dyn ShapeWriter) {
        writer.stream(&mut |_| self.take());
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, pin::pin, task::Waker};

    use super::*;

    struct Queue(VecDeque<Result<Bytes, ApiError>>);

    impl Pieces for Queue {
        fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, ApiError>>> {
            Poll::Ready(self.0.pop_front())
        }
        fn trailers(&mut self) -> Vec<(String, String)> {
            vec![("x-amz-checksum-crc32".into(), "AAAA".into())]
        }
    }

    fn now<T>(work: impl Future<Output = T>) -> T {
        match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => done,
            Poll::Pending => panic!("nothing waits here"),
        }
    }

    fn pieces(texts: &[&'static str]) -> ByteStream {
        let size = texts.iter().map(|text| text.len() as u64).sum();
        ByteStream::new(
            Some(size),
            Queue(texts.iter().map(|text| Ok(Bytes::from_static(text.as_bytes()))).collect()),
        )
    }

    #[test]
    fn pieces_come_in_order_and_trailers_at_the_end() {
        let mut stream = pieces(&["ab", "", "c"]);
        assert_eq!(stream.size(), Some(3));
        assert_eq!(now(stream.next()).unwrap().unwrap(), "ab");
        assert_eq!((stream.size(), stream.trailer("x-amz-checksum-crc32")), (Some(1), None));
        assert_eq!(now(stream.next()).unwrap().unwrap(), "c");
        assert!(now(stream.next()).is_none());
        assert_eq!((stream.size(), stream.trailer("x-amz-checksum-crc32")), (Some(0), Some("AAAA")));
    }

    #[test]
    fn an_error_is_the_last_answer() {
        let bad = ApiError::sender("BadDigest", "x");
        let mut stream =
            ByteStream::new(None, Queue([Ok(Bytes::from_static(b"a")), Err(bad), Ok(Bytes::new())].into()));
        assert!(now(stream.next()).unwrap().is_ok());
        assert_eq!(now(stream.next()).unwrap().unwrap_err().code, "BadDigest");
        assert!(now(stream.next()).is_none());
    }

    #[test]
    fn collected_within_a_limit() {
        assert_eq!(now(pieces(&["ab", "c"]).collect(3)).unwrap(), "abc");
        assert_eq!(now(pieces(&["ab", "c"]).collect(2)).unwrap_err().status, 413);
        assert_eq!(now(ByteStream::from(Bytes::from_static(b"abc")).collect(2)).unwrap_err().status, 413);
        assert_eq!(ByteStream::from(Bytes::from_static(b"abc")).whole().unwrap(), "abc");
        assert!(pieces(&["a"]).whole().is_err());
    }
}
