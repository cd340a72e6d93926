//! The least an invocation can take: a runtime of a few lines and a server that does nothing but hand it events, over one
//! connection, both ends raw and pipelined.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    error::{Error, Result},
    histogram::Histogram,
};

const EVENT: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
    Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\nLambda-Runtime-Deadline-Ms: 1542409706888\r\n\
    Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:bench\r\n\
    Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\n\
    Content-Length: 2\r\n\r\n{}";
const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";

/// Ends with its value.
struct Runtime(Child);

impl Drop for Runtime {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// From an event's sending until its answer and the request for the next one are read, `rounds` times.
pub(super) fn round_trip(program: &Path, arguments: &[&str], rounds: u32) -> Result<Histogram> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(Error::io("listen"))?;
    let port = listener.local_addr().map_err(Error::io("listen"))?.port();
    let child = Command::new(program)
        .args(arguments)
        .env("BARE_PORT", port.to_string())
        .stdin(Stdio::null())
        .spawn()
        .map_err(Error::io(format!("run {}", program.display())))?;
    let _runtime = Runtime(child);
    let (mut stream, _) = listener.accept().map_err(Error::io("accept"))?;
    stream.set_nodelay(true).map_err(Error::io("set TCP_NODELAY"))?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(Error::io("set a time limit"))?;
    let mut times = Histogram::default();
    read_next(&mut stream)?;
    for round in 0..rounds + rounds / 4 {
        let begun = Instant::now();
        let answer = if round == 0 { EVENT.to_owned() } else { format!("{ACCEPTED}{EVENT}") };
        stream.write_all(answer.as_bytes()).map_err(Error::io("send an event"))?;
        read_next(&mut stream)?;
        if round >= rounds / 4 {
            times.record(begun.elapsed());
        }
    }
    Ok(times)
}

/// Reads until the request for the next event has come whole.
fn read_next(stream: &mut TcpStream) -> Result<()> {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).map_err(Error::io("read an answer"))?;
        if count == 0 {
            return Err(Error::usage("the bare runtime ended"));
        }
        read.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let next = memchr::memmem::rfind(&read, b"GET /2018-06-01/runtime/invocation/next");
        if next.is_some() && read.ends_with(b"\r\n\r\n") {
            return Ok(());
        }
    }
}
