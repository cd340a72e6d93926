//! One connection: TLS, HTTP, and its watch.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};

use http::{Request, Version};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::net::TcpStream;

use super::{
    Limits,
    pulse::{Order, Pulse},
    stream::Watched,
    tls::Tls,
    turns::Turns,
};
use crate::{Gateway, settings::Peer};

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Serves connections; cheap to clone.
pub(super) type Builder = auto::Builder<TokioExecutor>;

/// Serves a connection until it ends or is ordered to.
pub(super) async fn serve(
    socket: TcpStream,
    tls: Option<Arc<Tls>>,
    gateway: &Arc<Gateway>,
    peer: Peer,
    builder: Builder,
    pulse: &Arc<Pulse>,
) {
    let stream = match tls {
        None => Watched::plain(socket, Arc::clone(pulse)),
        Some(tls) => match tokio::time::timeout(HANDSHAKE, tls.acceptor().accept(socket)).await {
            Ok(Ok(socket)) => Watched::tls(socket, Arc::clone(pulse)),
            // Scanners and clients that distrust us; nothing of ours failed.
            Ok(Err(error)) => return tracing::debug!(%error, peer = %peer.address, "TLS handshake failed"),
            Err(_) => return tracing::debug!(peer = %peer.address, "TLS handshake took too long"),
        },
    };
    let shared = Arc::new((Arc::clone(gateway), peer, Arc::clone(pulse)));
    let service = service_fn(move |request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move {
            let (gateway, peer, pulse) = &*shared;
            let _open = pulse.request(request.version() == Version::HTTP_2);
            Ok::<_, Infallible>(gateway.handle(request, peer).await)
        }
    });
    // Sites take connections over for WebSockets: they find `hyper::upgrade::OnUpgrade` in the request's extensions.
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let mut known: Option<Waker> = None;
    let mut finishing = false;
    let mut turns = Turns::default();
    poll_fn(|cx| {
        // A task keeps its waker, so this happens once; the order is looked at after it, so none is missed.
        if !known.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            pulse.wakes(cx.waker());
            known = Some(cx.waker().clone());
        }
        match pulse.order() {
            Order::GoOn => {}
            Order::Finish if finishing => {}
            Order::Finish => {
                finishing = true;
                connection.as_mut().graceful_shutdown();
            }
            Order::Drop => return Poll::Ready(()),
        }
        // Errors here are the client's: it went away or sent no HTTP, and got its answer already where there is one.
        turns.poll(cx, |cx| connection.as_mut().poll(cx)).map(drop)
    })
    .await;
}

/// Makes what serves a listener's connections.
pub(super) fn builder(limits: &Limits) -> Builder {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // The number of headers stays at hyper's 100, for which it needs no allocation; more get a 431, too.
    builder.http1().max_buf_size(limits.head_bytes.max(8_192));
    builder
        .http2()
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX));
    builder
}
