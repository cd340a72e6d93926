//! Bodies: how requests' are taken in, and what responses' are.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use moln_wire::ByteStream;
use tokio::{sync::mpsc, time::Instant};

/// A response's body: whole, or a stream from another task (backups).
#[derive(Debug)]
pub enum Body {
    /// Everything at once.
    Whole(Bytes),
    /// Pieces as they come. An error cuts the connection, so that the client sees that something is missing.
    Stream(mpsc::Receiver<Result<Bytes, std::io::Error>>),
    /// A service's stream. An error cuts the connection.
    Pieces(ByteStream),
}

impl From<ByteStream> for Body {
    fn from(stream: ByteStream) -> Self {
        stream.whole().map_or_else(Self::Pieces, Self::Whole)
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(pieces) => pieces.poll_recv(cx).map(|piece| piece.map(|p| p.map(Frame::data))),
            Self::Pieces(stream) => stream.poll_next(cx).map(|piece| {
                piece
                    .map(|p| p.map(Frame::data).map_err(|error| std::io::Error::other(error.message.clone())))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(_) => SizeHint::default(),
            Self::Pieces(stream) => stream.size().map(SizeHint::with_exact).unwrap_or_default(),
        }
    }
}

/// How long a client may take to send a body.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Longest silence between two pieces.
    pub silence: Duration,
    /// Least average rate in bytes a second, once `silence` has passed.
    pub bytes_per_second: u64,
}

/// Why a body could not be taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// Longer than the limit.
    TooLarge,
    /// Slower than its [`Pace`].
    TooSlow,
    /// The connection ended before the body did, or broke its framing.
    Truncated,
    /// There is no memory for it now.
    Busy,
}

/// Memory for large bodies, shared by all requests: however many clients send at once, the process stays in its bounds.
#[derive(Debug)]
pub struct Budget {
    most: usize,
    used: AtomicUsize,
}

/// Room that a body in pieces begins with at most, in bytes.
const FIRST_ROOM: usize = 64 << 10;

/// Bodies up to this many bytes are not counted: most requests cost the budget nothing.
const SMALL: usize = 8 << 10;

impl Budget {
    /// At most this many bytes.
    pub const fn new(most: usize) -> Self {
        Self { most, used: AtomicUsize::new(0) }
    }

    /// Nothing taken yet.
    pub fn share(&self) -> Share<'_> {
        Share { budget: self, bytes: 0 }
    }
}

/// A request's part of the [`Budget`]; given back when dropped.
#[derive(Debug)]
pub struct Share<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl Share<'_> {
    /// Makes it at least this large; says no when that is over the budget.
    fn grow(&mut self, bytes: usize) -> Result<(), BodyError> {
        if bytes <= SMALL.max(self.bytes) {
            return Ok(());
        }
        let more = bytes - self.bytes;
        if self.budget.used.fetch_add(more, Relaxed).saturating_add(more) > self.budget.most {
            self.budget.used.fetch_sub(more, Relaxed);
            return Err(BodyError::Busy);
        }
        self.bytes = bytes;
        Ok(())
    }
}

/// A part of the budget that outlives the request's own future.
#[derive(Debug)]
pub(crate) struct OwnedShare {
    budget: Arc<Budget>,
    bytes: usize,
}

impl OwnedShare {
    /// Takes so many bytes, or says that they are not there.
    pub(crate) fn take(budget: &Arc<Budget>, bytes: usize) -> Result<Self, BodyError> {
        if budget.used.fetch_add(bytes, Relaxed).saturating_add(bytes) > budget.most {
            budget.used.fetch_sub(bytes, Relaxed);
            return Err(BodyError::Busy);
        }
        Ok(Self { budget: Arc::clone(budget), bytes })
    }
}

impl Drop for OwnedShare {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Relaxed);
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.used.fetch_sub(self.bytes, Relaxed);
        }
    }
}

/// Takes a body in, at most `limit` bytes, within a share of the budget that must live as long as the body does. One
/// piece is not copied.
pub async fn collect<B>(
    mut body: B,
    limit: usize,
    pace: Pace,
    share: &mut Share<'_>,
) -> Result<Bytes, BodyError>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let announced = body.size_hint();
    if announced.lower() > limit as u64 {
        drain(body, limit as u64).await;
        return Err(BodyError::TooLarge);
    }
    let Some(first) = piece(&mut body, pace.silence).await? else { return Ok(Bytes::new()) };
    if first.len() <= limit && body.is_end_stream() {
        share.grow(first.len())?;
        return Ok(first);
    }
    let started = Instant::now();
    // What is announced costs a client nothing: only what arrives makes room, and counts.
    let expected = usize::try_from(announced.lower()).unwrap_or(limit).min(FIRST_ROOM);
    let mut whole = BytesMut::with_capacity(expected.max(first.len() * 2).min(limit));
    let mut next = Some(first);
    while let Some(bytes) = next {
        if whole.len() + bytes.len() > limit {
            drain(body, limit as u64).await;
            return Err(BodyError::TooLarge);
        }
        whole.extend_from_slice(&bytes);
        share.grow(whole.capacity())?;
        let allowed = Duration::from_secs(whole.len() as u64 / pace.bytes_per_second.max(1));
        if started.elapsed() > pace.silence + allowed {
            return Err(BodyError::TooSlow);
        }
        next = piece(&mut body, pace.silence).await?;
    }
    Ok(whole.freeze())
}

/// The next data of a body. The timer is made only when the data is not there yet.
async fn piece<B>(body: &mut B, silence: Duration) -> Result<Option<Bytes>, BodyError>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    loop {
        let next = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
        match tokio::time::timeout(silence, next).await {
            Err(_) => return Err(BodyError::TooSlow),
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => return Err(BodyError::Truncated),
            Ok(Some(Ok(frame))) => {
                // Trailers carry nothing we read.
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Reads on for a moment, so that a client that writes before it reads gets to see the refusal.
pub(crate) async fn drain<B>(mut body: B, most: u64)
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let reading = async {
        let mut left = most;
        while let Ok(Some(bytes)) = piece(&mut body, Duration::from_millis(250)).await {
            left = left.saturating_sub(bytes.len() as u64);
            if left == 0 {
                break;
            }
        }
    };
    // Over or not, the refusal is sent.
    let _ = tokio::time::timeout(Duration::from_secs(2), reading).await;
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;

    use super::*;

    static PLENTY: Budget = Budget::new(1 << 20);

    async fn take(body: Body, limit: usize) -> Result<Bytes, BodyError> {
        collect(body, limit, PACE, &mut PLENTY.share()).await
    }

    #[tokio::test]
    async fn large_bodies_share_a_budget() {
        let budget = Budget::new(3 * SMALL);
        let body = |len| Body::Whole(Bytes::from(vec![b'x'; len]));
        let (mut one, mut two, mut three) = (budget.share(), budget.share(), budget.share());
        assert!(collect(body(2 * SMALL), 1 << 20, PACE, &mut one).await.is_ok());
        assert_eq!(collect(body(2 * SMALL), 1 << 20, PACE, &mut two).await, Err(BodyError::Busy));
        assert!(collect(body(SMALL), 1 << 20, PACE, &mut three).await.is_ok(), "small ones are always taken");
        drop(one);
        assert!(collect(body(2 * SMALL), 1 << 20, PACE, &mut two).await.is_ok());
        drop((two, three));
        assert_eq!(budget.used.load(Relaxed), 0);
    }

    /// A body that says how long it will be.
    struct Announced(u64, Body);

    impl HttpBody for Announced {
        type Data = Bytes;
        type Error = std::io::Error;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            Pin::new(&mut self.1).poll_frame(cx)
        }
        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0)
        }
    }

    #[tokio::test]
    async fn a_promise_takes_no_memory() {
        let budget = Budget::new(128 * SMALL);
        let (tx, rx) = mpsc::channel(1);
        tx.try_send(Ok(Bytes::from_static(b"x"))).unwrap();
        let mut share = budget.share();
        let mut waiting =
            Box::pin(collect(Announced(100 * SMALL as u64, Body::Stream(rx)), 1 << 20, PACE, &mut share));
        assert!(poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx))).await.is_pending());
        let others = Body::Whole(Bytes::from(vec![b'x'; 100 * SMALL]));
        assert!(collect(others, 1 << 20, PACE, &mut budget.share()).await.is_ok());
        tx.try_send(Ok(Bytes::from(vec![b'x'; 100 * SMALL]))).unwrap();
        drop(tx);
        assert!(waiting.await.is_ok());
        drop(share);
        assert_eq!(budget.used.load(Relaxed), 0);
    }

    const PACE: Pace = Pace { silence: Duration::from_secs(30), bytes_per_second: 1_024 };

    fn stream(pieces: &[&'static [u8]]) -> Body {
        let (tx, rx) = mpsc::channel(64);
        for piece in pieces {
            tx.try_send(Ok(Bytes::from_static(piece))).unwrap();
        }
        Body::Stream(rx)
    }

    #[tokio::test]
    async fn whole_and_pieces() {
        let whole = Bytes::from_static(b"hello");
        let got = take(Body::Whole(whole.clone()), 5).await.unwrap();
        assert_eq!(got.as_ptr(), whole.as_ptr(), "one piece is not copied");
        assert_eq!(take(stream(&[b"he", b"", b"llo"]), 5).await.unwrap(), whole);
        assert_eq!(take(stream(&[b"he", b"llo!"]), 5).await, Err(BodyError::TooLarge));
        assert_eq!(take(Body::Whole(Bytes::from_static(b"hello!")), 5).await, Err(BodyError::TooLarge));
        assert_eq!(take(Body::Whole(Bytes::new()), 0).await.unwrap(), "");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_and_trickle_end() {
        let (_tx, rx) = mpsc::channel(1);
        assert_eq!(take(Body::Stream(rx), 5).await, Err(BodyError::TooSlow));
        let (tx, rx) = mpsc::channel(1);
        tokio::spawn(async move {
            while tx.send(Ok(Bytes::from_static(b"x"))).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        });
        let begun = Instant::now();
        assert_eq!(take(Body::Stream(rx), 1_000).await, Err(BodyError::TooSlow));
        assert!(begun.elapsed() < Duration::from_secs(40));
    }

    #[tokio::test]
    async fn an_error_is_a_truncation() {
        let (tx, rx) = mpsc::channel(2);
        tx.try_send(Ok(Bytes::from_static(b"x"))).unwrap();
        tx.try_send(Err(std::io::Error::other("cut"))).unwrap();
        assert_eq!(take(Body::Stream(rx), 5).await, Err(BodyError::Truncated));
    }
}
