//! A connection that signs: a request's payload goes in, a 2xx answer's body comes out.

use super::{Connection, Endpoint, Request};
use crate::error::{Error, Result};

/// A connection to an endpoint, with the buffers that every request uses again.
pub struct Line {
    endpoint: Endpoint,
    connection: Connection,
    output: Vec<u8>,
    /// The next request's body; whoever calls writes it.
    pub payload: Vec<u8>,
}

impl Line {
    /// Connects.
    pub async fn open(endpoint: &Endpoint) -> Result<Self> {
        let connection = Connection::open(endpoint.address).await?;
        Ok(Self { endpoint: endpoint.clone(), connection, output: Vec::new(), payload: Vec::new() })
    }

    /// Signs and sends the payload and waits for the answer; anything but a 2xx is an error.
    pub async fn call(&mut self, request: &mut Request) -> Result<&[u8]> {
        request.write(&self.endpoint, &self.payload, &mut self.output);
        let (status, answer) = self.connection.exchange(&self.output).await?;
        if (200..300).contains(&status) {
            Ok(answer)
        } else {
            Err(Error::refused(request.operation(), status, answer))
        }
    }

    /// Signs and sends this payload to a server that answers with the same bytes.
    pub async fn echo(&mut self, request: &mut Request, payload: &[u8]) -> Result<()> {
        self.payload.clear();
        self.payload.extend_from_slice(payload);
        let answer = self.call(request).await?;
        if answer == payload {
            Ok(())
        } else {
            Err(Error::wrong(request.operation(), "the answer is not the request's body", answer))
        }
    }
}
