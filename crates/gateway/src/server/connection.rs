//! One connection: TLS, HTTP, and its watch.

use std::{convert::Infallible, pin::pin, sync::Arc};

use http::{Request, Version};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{net::TcpStream, sync::watch, time::MissedTickBehavior};

use super::{
    Limits,
    pulse::{Diagnosis, Pulse, Watch},
    stream::Watched,
    tls::Tls,
};
use crate::{Gateway, gateway::Peer};

/// Serves a connection until it ends, is too slow, or the server stops.
pub(super) async fn serve(
    socket: TcpStream,
    tls: Option<Arc<Tls>>,
    gateway: &Arc<Gateway>,
    peer: Peer,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let pulse = Arc::new(Pulse::default());
    let stream = match tls {
        None => Watched::plain(socket, Arc::clone(&pulse)),
        Some(tls) => match tokio::time::timeout(limits.handshake, tls.acceptor().accept(socket)).await {
            Ok(Ok(socket)) => Watched::tls(socket, Arc::clone(&pulse)),
            // Scanners and clients that distrust us; nothing of ours failed.
            Ok(Err(error)) => return tracing::debug!(%error, peer = %peer.address, "TLS handshake failed"),
            Err(_) => return tracing::debug!(peer = %peer.address, "TLS handshake took too long"),
        },
    };
    let shared = Arc::new((Arc::clone(gateway), peer, Arc::clone(&pulse)));
    let service = service_fn(move |request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move {
            let (gateway, peer, pulse) = &*shared;
            let _open = pulse.request(request.version() == Version::HTTP_2);
            Ok::<_, Infallible>(gateway.handle(request, peer).await)
        }
    });
    let builder = builder(&limits);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut watch = Watch::new();
    let mut ticks = tokio::time::interval(Watch::period(&limits));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            // Errors here are the client's: it went away or sent no HTTP, and got its answer already where there is one.
            _ = connection.as_mut() => return,
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = ticks.tick() => match watch.look(&pulse, &limits) {
                Diagnosis::Alive => {}
                Diagnosis::Idle => connection.as_mut().graceful_shutdown(),
                Diagnosis::Dead(why) => return tracing::debug!(why, "connection dropped"),
            }
        }
    }
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // The number of headers stays at hyper's 100, for which it needs no allocation; more get a 431, too.
    builder.http1().max_buf_size(limits.head_bytes.max(8_192));
    builder
        .http2()
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX));
    builder
}
