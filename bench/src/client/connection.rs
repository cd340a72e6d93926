//! A keep-alive HTTP/1.1 connection: one request, one answer, one buffer each way.
//! Source: RFC 9112. Reads what servers of this kind send: a length or chunks; no trailers, no upgrades.

use std::{net::SocketAddr, ops::Range};

use memchr::memmem;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::error::{Error, Result};

/// Longest answer read, in bytes: ten messages of a megabyte, with escapes.
const ANSWER_LIMIT: usize = 32 << 20;

/// How an answer's end is found.
enum Framing {
    Length(usize),
    Chunked,
}

/// What the head of an answer says.
struct Head {
    status: u16,
    framing: Framing,
    close: bool,
    length: usize,
}

/// A connection to a server, opened again when the server closes it after an answer.
pub struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    closed: bool,
    input: Vec<u8>,
    joined: Vec<u8>,
    /// Where the last answer's head ends.
    head: usize,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = connect(address).await?;
        Ok(Self { address, stream, closed: false, input: Vec::new(), joined: Vec::new(), head: 0 })
    }

    /// Sends a whole request and waits for its answer: status and body. Waits for ever: the caller bounds the time.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        if self.closed {
            self.stream = connect(self.address).await?;
            self.closed = false;
        }
        self.stream.write_all(request).await.map_err(Error::io("send a request"))?;
        self.input.clear();
        let head = loop {
            self.read().await?;
            if let Some(end) = memmem::find(&self.input, b"\r\n\r\n") {
                break parse_head(self.input.get(..end).unwrap_or_default(), end + 4)?;
            }
        };
        (self.closed, self.head) = (head.close, head.length);
        match head.framing {
            Framing::Length(length) => {
                while self.input.len() < head.length + length {
                    self.read().await?;
                }
                let body = self.input.get(head.length..head.length + length).unwrap_or_default();
                Ok((head.status, body))
            }
            Framing::Chunked => {
                self.read_chunks(head.length).await?;
                Ok((head.status, &self.joined))
            }
        }
    }

    /// A header of the last answer; the name in lower case.
    pub fn header(&self, name: &[u8]) -> Option<&[u8]> {
        let mut lines = self.input.get(..self.head)?.split(|byte| *byte == b'\n');
        lines.find_map(|line| {
            let (found, value) = line.split_at_checked(memchr::memchr(b':', line)?)?;
            found.eq_ignore_ascii_case(name).then(|| value.get(1..).unwrap_or_default().trim_ascii())
        })
    }

    async fn read_chunks(&mut self, mut at: usize) -> Result<()> {
        self.joined.clear();
        loop {
            match chunk(&self.input, at)? {
                Some((data, next)) if data.is_empty() => {
                    let _ = next;
                    return Ok(());
                }
                Some((data, next)) => {
                    self.joined.extend_from_slice(self.input.get(data).unwrap_or_default());
                    at = next;
                }
                None => self.read().await?,
            }
        }
    }

    async fn read(&mut self) -> Result<()> {
        if self.input.len() > ANSWER_LIMIT {
            return Err(malformed("an answer over 32 MiB"));
        }
        // A message of the usual size comes in one read, without growing the buffer in between.
        self.input.reserve(if self.input.is_empty() { 2048 } else { self.input.len() });
        match self.stream.read_buf(&mut self.input).await {
            Ok(0) => Err(malformed("the server closed the connection in the midst of an answer")),
            Ok(_) => Ok(()),
            Err(error) => Err(Error::io("read an answer")(error)),
        }
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await.map_err(Error::io(format!("connect to {address}")))?;
    stream.set_nodelay(true).map_err(Error::io("set TCP_NODELAY"))?;
    Ok(stream)
}

fn malformed(why: &str) -> Error {
    Error::Io { what: "read an answer".into(), source: std::io::Error::other(why.to_owned()) }
}

fn parse_head(head: &[u8], length: usize) -> Result<Head> {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix(b"HTTP/1."))
        .and_then(|line| std::str::from_utf8(line.get(2..5)?).ok()?.parse().ok())
        .ok_or_else(|| malformed("not an HTTP/1.1 status line"))?;
    let mut parsed = Head { status, framing: Framing::Length(0), close: false, length };
    for line in lines {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            parsed.framing = Framing::Length(length.ok_or_else(|| malformed("a bad Content-Length"))?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            parsed.framing = Framing::Chunked;
        } else if name.eq_ignore_ascii_case(b"connection") {
            parsed.close = value.eq_ignore_ascii_case(b"close");
        }
    }
    Ok(parsed)
}

/// The chunk that begins at `at`: where its data is and where the next begins; `None` when more has to be read.
/// The last chunk is empty, and is given only when the empty line after it is there too.
fn chunk(input: &[u8], at: usize) -> Result<Option<(Range<usize>, usize)>> {
    let rest = input.get(at..).unwrap_or_default();
    let Some(line_end) = memmem::find(rest, b"\r\n") else { return Ok(None) };
    let digits = rest.get(..line_end).unwrap_or_default();
    let digits = digits.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let size = std::str::from_utf8(digits)
        .ok()
        .and_then(|text| usize::from_str_radix(text, 16).ok())
        .filter(|size| *size <= ANSWER_LIMIT)
        .ok_or_else(|| malformed("a bad chunk size"))?;
    let start = at + line_end + 2;
    let next = start + size + 2;
    Ok((input.len() >= next).then_some((start..start + size, next)))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Serves the given answers, one per request of "x", in the given pieces.
    async fn answering(answers: Vec<Vec<&'static str>>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            for pieces in answers {
                let mut request = [0; 1];
                stream.read_exact(&mut request).await.unwrap();
                for piece in pieces {
                    stream.write_all(piece.as_bytes()).await.unwrap();
                    tokio::task::yield_now().await;
                }
            }
        });
        address
    }

    #[tokio::test]
    async fn answers_by_length_and_by_chunks_in_pieces() {
        let address = answering(vec![
            vec!["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"],
            vec!["HTTP/1.1 400 Bad", " Request\r\nContent-Length:7\r", "\n\r\nbad", " one"],
            vec![
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
                "2;x=y\r\nde",
                "\r\n0\r\n",
                "\r\n",
            ],
            vec!["HTTP/1.1 204 No Content\r\n\r\n"],
        ])
        .await;
        let mut connection = Connection::open(address).await.unwrap();
        assert_eq!(connection.exchange(b"x").await.unwrap(), (200, &b"hello"[..]));
        assert_eq!(connection.exchange(b"x").await.unwrap(), (400, &b"bad one"[..]));
        assert_eq!(connection.exchange(b"x").await.unwrap(), (200, &b"abcde"[..]));
        assert_eq!(connection.exchange(b"x").await.unwrap(), (204, &b""[..]));
        assert!(connection.exchange(b"x").await.is_err(), "the server is gone");
    }

    #[tokio::test]
    async fn nonsense_is_an_error() {
        for answer in
            ["SMTP ready\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n", "HTTP/1.1 20\r\n\r\n"]
        {
            let address = answering(vec![vec![answer]]).await;
            assert!(Connection::open(address).await.unwrap().exchange(b"x").await.is_err(), "{answer}");
        }
        let address =
            answering(vec![vec!["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"]]).await;
        assert!(Connection::open(address).await.unwrap().exchange(b"x").await.is_err());
    }
}
