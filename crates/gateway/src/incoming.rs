//! Bodies that are handed to a service while they come: watched over their pace, taken out of `aws-chunked` framing,
//! and judged at their end, where what covers the whole body (a payload's hash, chunk signatures) is known.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::request::Parts;
use hyper::body::Body as HttpBody;
use moln_kernel::{ApiError, encoding::hex};
use moln_wire::{ByteStream, Pieces, Protocol, ServiceModel};
use ring::digest;
use tokio::time::{Instant, Sleep};

use crate::{
    body::{BodyError, Budget, OwnedShare, Pace, drain},
    names,
    sigv4::{ChunkChain, ChunkDecoder, ChunkError, Failure},
};

/// What a body in pieces counts in the budget: hyper's buffer, a piece on its way, and a piece with the service.
const WINDOW: usize = 64 << 10;
/// How much of a body nobody wants is read and thrown away, in bytes.
const UNWANTED: u64 = 4 << 20;

/// How errors of a body are told.
#[derive(Clone, Copy)]
pub(crate) struct Telling {
    pub(crate) protocol: Protocol,
    pub(crate) model: Option<&'static ServiceModel>,
}

/// What is known of a body before it comes.
pub(crate) struct Expected {
    pub(crate) pace: Pace,
    /// Verifies chunks.
    pub(crate) chain: Option<ChunkChain>,
    pub(crate) telling: Telling,
    /// Longest body in bytes, when the service has a limit of its own.
    pub(crate) limit: Option<u64>,
    /// Turns true when the client was asked for its body.
    pub(crate) asked: Arc<AtomicBool>,
}

/// The body of a request as a stream.
///
/// Errors: there is no memory for one more.
pub(crate) fn stream<B>(
    body: B,
    head: &Parts,
    expected: Expected,
    budget: &Arc<Budget>,
) -> Result<ByteStream, BodyError>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
{
    let named = head.headers.get(&names::CONTENT_SHA256).and_then(|value| value.to_str().ok());
    let chunked = named.is_some_and(|named| named.starts_with("STREAMING-"));
    let decoded = head.headers.get(&names::DECODED_LENGTH);
    let decoded = decoded.and_then(|length| length.to_str().ok()).and_then(|length| length.parse().ok());
    let size = if chunked { decoded } else { body.size_hint().exact() };
    let hash = named.filter(|named| is_sha256(named)).map(str::to_ascii_lowercase);
    let incoming = Incoming {
        body: Some(body),
        share: Some(OwnedShare::take(budget, WINDOW)?),
        decoder: chunked.then(|| ChunkDecoder::new(expected.chain.clone(), decoded)),
        ready: VecDeque::new(),
        hash: hash.map(|claimed| (digest::Context::new(&digest::SHA256), claimed)),
        trailers: Vec::new(),
        seen: 0,
        waited: Duration::ZERO,
        silent: None,
        patient: head.headers.contains_key(http::header::EXPECT),
        expected,
    };
    let announced = head.headers.get_all(&names::TRAILER).iter().filter_map(|names| names.to_str().ok());
    let announced = announced.flat_map(|names| names.split(',')).map(|name| name.trim().to_ascii_lowercase());
    Ok(ByteStream::new(size, incoming).announcing(announced.collect()))
}

/// Whether a payload's name is a hash.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

struct Incoming<B>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
{
    /// `None` after its end.
    body: Option<B>,
    share: Option<OwnedShare>,
    decoder: Option<ChunkDecoder>,
    ready: VecDeque<Bytes>,
    /// Of the data, and what it was claimed to be.
    hash: Option<(digest::Context, String)>,
    trailers: Vec<(String, String)>,
    seen: u64,
    /// How long the service waited for the client, all in all.
    waited: Duration,
    /// Since when it waits now.
    silent: Option<(Instant, Pin<Box<Sleep>>)>,
    /// The client sends only once it is asked to.
    patient: bool,
    expected: Expected,
}

impl<B> Incoming<B>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
{
    fn fail(&mut self, failure: &Failure) -> ApiError {
        failure.to_error(self.expected.telling.protocol, self.expected.telling.model)
    }

    fn cut(&mut self, why: BodyError) -> ApiError {
        super::gateway::unreadable(why, usize::try_from(self.expected.limit.unwrap_or_default()).unwrap_or(0))
    }

    /// A piece as it came, or what is wrong.
    fn take(&mut self, bytes: &Bytes) -> Result<(), ApiError> {
        if self.expected.limit.is_some_and(|limit| self.seen > limit) {
            return Err(self.cut(BodyError::TooLarge));
        }
        if let Some((hash, _)) = &mut self.hash {
            hash.update(bytes);
        }
        match &mut self.decoder {
            None => self.ready.push_back(bytes.clone()),
            Some(decoder) => {
                let ready = &mut self.ready;
                let pushed = decoder.push(bytes, &mut |data| ready.push_back(data));
                pushed.map_err(|why| self.fail(&chunks(why)))?;
            }
        }
        Ok(())
    }

    /// The judgement at the end.
    fn end(&mut self) -> Result<(), ApiError> {
        self.body = None;
        self.share = None;
        if let Some(decoder) = self.decoder.take() {
            self.trailers = decoder.finish().map_err(|why| self.fail(&chunks(why)))?;
        }
        if let Some((hash, claimed)) = self.hash.take()
            && hex(hash.finish().as_ref()) != claimed
        {
            return Err(self.fail(&Failure::ContentMismatch));
        }
        Ok(())
    }

    /// Waits for the client, within its pace.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let pace = self.expected.pace;
        let allowed = pace.silence + Duration::from_secs(self.seen / pace.bytes_per_second.max(1));
        let left = allowed.saturating_sub(self.waited).min(pace.silence);
        let (_, sleep) =
            self.silent.get_or_insert_with(|| (Instant::now(), Box::pin(tokio::time::sleep(left))));
        sleep.as_mut().poll(cx)
    }
}

impl<B> Pieces for Incoming<B>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
{
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ApiError>>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(piece)));
            }
            let Some(body) = &mut self.body else { return Poll::Ready(None) };
            if self.patient {
                self.patient = false;
                self.expected.asked.store(true, Relaxed);
            }
            let done = match Pin::new(body).poll_frame(cx) {
                Poll::Pending => match self.poll_silence(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(()) => Err(self.cut(BodyError::TooSlow)),
                },
                Poll::Ready(frame) => {
                    if let Some((since, _)) = self.silent.take() {
                        self.waited += since.elapsed();
                    }
                    match frame {
                        None => self.end(),
                        Some(Err(_)) => Err(self.cut(BodyError::Truncated)),
                        Some(Ok(frame)) => match frame.into_data() {
                            Ok(bytes) => {
                                self.seen += bytes.len() as u64;
                                self.take(&bytes)
                            }
                            // HTTP's own trailers carry nothing we read.
                            Err(_) => Ok(()),
                        },
                    }
                }
            };
            if let Err(error) = done {
                self.ready.clear();
                return Poll::Ready(Some(Err(error)));
            }
        }
    }

    fn trailers(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.trailers)
    }
}

impl<B> Drop for Incoming<B>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
{
    /// A client that writes before it reads gets to see why its body was not wanted.
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !self.patient && !body.is_end_stream())
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(drain(body, UNWANTED));
        }
    }
}

/// What is wrong with chunks, as a failure.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(crate) fn chunks(why: ChunkError) -> Failure {
    match why {
        ChunkError::Signature => Failure::Mismatch,
        ChunkError::Malformed(words) => Failure::Chunks(format!("The request's body is malformed: {words}.")),
        ChunkError::Truncated | ChunkError::Length => Failure::Chunks(
            "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header".into(),
        ),
    }
}
