//! The limits: servers that answer with the request's body and do as little else as possible.
//!
//! `echo` is what HTTP costs (hyper on tokio); `sigv4` adds the verification of each signature; `sync` adds that
//! each request's body is on the disk before its answer leaves, all that wait sharing one `fdatasync`. A `PUT` is answered
//! with nothing, a `GET` with as many bytes as its path says; `files` answers it with a file's content. What a real
//! service does beyond (parsing, state, an index) is the distance to them, measured in the same run on the same machine.

mod files;
mod journal;
mod verify;

use std::{
    convert::Infallible,
    future::Future,
    io::{Read as _, Write as _},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use self::files::Files;
pub use self::journal::Journal;
use crate::{
    error::{Error, Result},
    load::Dialect,
};

/// Which limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Limit {
    /// HTTP alone.
    Echo,
    /// HTTP and the verification of signatures.
    Sigv4,
    /// HTTP, the verification of signatures and group commit.
    Sync,
    /// HTTP and files, nothing verified.
    Files,
}

impl Limit {
    /// All limits, the lightest first.
    pub const ALL: [Self; 4] = [Self::Echo, Self::Sigv4, Self::Sync, Self::Files];

    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Sigv4 => "sigv4",
            Self::Sync => "sync",
            Self::Files => "files",
        }
    }

    /// How it answers.
    pub fn dialect(self) -> Dialect {
        if self == Self::Files { Dialect::Files } else { Dialect::Echo }
    }
}

/// How to serve a limit.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which one.
    pub limit: Limit,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Worker threads; `sync` has one more, that waits for the disk.
    pub workers: usize,
    /// Directory for `sync`'s journal; it must be on a disk, not in memory.
    pub dir: PathBuf,
    /// The secret key that requests are signed with.
    pub secret_key: String,
}

/// Serves a limit until standard input ends, so that it never outlives the process that started it.
/// The first line on standard output is the address: `listening on 127.0.0.1:PORT`.
pub fn serve(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.workers)
        .enable_all()
        .build()
        .map_err(Error::io("start the runtime"))?;
    let listener = runtime.block_on(TcpListener::bind(options.listen));
    let listener = listener.map_err(Error::io(format!("listen on {}", options.listen)))?;
    let address = listener.local_addr().map_err(Error::io("read the address"))?;
    let entered = runtime.enter();
    runtime.spawn(accept(listener, options)?);
    drop(entered);
    println!("listening on {address}");
    std::io::stdout().flush().map_err(Error::io("write the address"))?;
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    Ok(())
}

/// The accepting loop of a limit, to be spawned on a runtime.
pub fn accept(listener: TcpListener, options: &Options) -> Result<impl Future<Output = ()> + Send + 'static> {
    let signed = matches!(options.limit, Limit::Sigv4 | Limit::Sync);
    let secret = signed.then(|| Arc::<str>::from(options.secret_key.as_str()));
    let journal = match options.limit {
        Limit::Sync => Some(Arc::new(Journal::open(&options.dir)?)),
        Limit::Echo | Limit::Sigv4 | Limit::Files => None,
    };
    let files = match options.limit {
        Limit::Files => Some(Arc::new(Files::open(&options.dir)?)),
        Limit::Echo | Limit::Sigv4 | Limit::Sync => None,
    };
    Ok(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let _ = stream.set_nodelay(true);
            let (secret, journal, files) = (secret.clone(), journal.clone(), files.clone());
            tokio::spawn(async move {
                let answer =
                    |request| answer(request, secret.as_deref(), journal.as_deref(), files.as_deref());
                // A connection that ends in an error is the client's to notice.
                let _ =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
            });
        }
    })
}

async fn answer(
    request: Request<Incoming>,
    secret: Option<&str>,
    journal: Option<&Journal>,
    files: Option<&Files>,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return Ok(plain(StatusCode::BAD_REQUEST, Bytes::new()));
    };
    if secret.is_some_and(|secret| verify::verify(&head, &body, secret).is_none()) {
        return Ok(plain(StatusCode::FORBIDDEN, Bytes::from_static(b"the signature does not match")));
    }
    if let Some(journal) = journal
        && journal.append(&body).await.is_none()
    {
        return Ok(plain(StatusCode::INTERNAL_SERVER_ERROR, Bytes::from_static(b"the disk failed")));
    }
    Ok(match (head.method, files) {
        (Method::PUT, _) => plain(StatusCode::OK, Bytes::new()),
        (Method::GET, None) => plain(StatusCode::OK, files::zeros(size(head.uri.path()))),
        (Method::GET, Some(files)) => match files.read(size(head.uri.path()), head.uri.path()).await {
            Some(content) => plain(StatusCode::OK, content),
            None => plain(StatusCode::NOT_FOUND, Bytes::new()),
        },
        _ => plain(StatusCode::OK, body),
    })
}

/// The size in `/BUCKET/SIZE/NUMBER`.
fn size(path: &str) -> usize {
    path.rsplit('/').nth(1).and_then(|size| size.parse().ok()).unwrap_or_default()
}

fn plain(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/x-amz-json-1.0");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
