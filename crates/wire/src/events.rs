//! Event streams as outputs: typed events that leave as frames of [`eventstream`](crate::eventstream), one after the
//! other, as the service gives them.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use moln_kernel::ApiError;

use crate::{
    Kind, Schema,
    eventstream::{HeaderValue, Message},
    json::{self, JsonWriter},
    rest::Codec,
    shape::{Read, ReadError, ReadShape, ShapeReader, ShapeWriter, WriteShape},
    stream::ByteStream,
    values,
    xml::{Dialect, XmlWriter},
};

/// What answers headers, before any frame.
pub(crate) const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// Where events come from.
type Next<E> = Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<Result<E, ApiError>>> + Send>;

/// A stream of events: what event streams are in generated outputs. `E` is the generated union of the events.
///
/// An `Err` leaves as an exception inside the stream and ends it.
pub struct EventStream<E> {
    /// The lock is there because writers only borrow what they write; nobody ever waits for it.
    next: Mutex<Option<Next<E>>>,
}

impl<E> EventStream<E> {
    /// Events as `next` gives them, `None` at the end:
    /// `EventStream::new(move |cx| receiver.poll_recv(cx))`.
    pub fn new(
        next: impl FnMut(&mut Context<'_>) -> Poll<Option<Result<E, ApiError>>> + Send + 'static,
    ) -> Self {
        Self { next: Mutex::new(Some(Box::new(next))) }
    }
}

impl<E> Default for EventStream<E> {
    /// No events.
    fn default() -> Self {
        Self { next: Mutex::new(None) }
    }
}

impl<E> fmt::Debug for EventStream<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventStream")
    }
}

impl<E> ReadShape for EventStream<E> {
    /// Requests with event streams do not occur in the services there are.
    fn read(_: &mut dyn ShapeReader) -> Read<Self> {
        Err(ReadError::new("An event stream can not stand here"))
    }
}

impl<E: WriteShape + 'static> WriteShape for EventStream<E> {
    fn write(&self, writer: &mut dyn ShapeWriter) {
        writer.stream(&mut |codec| {
            let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(mut next) = next else { return ByteStream::default() };
            let mut ended = false;
            ByteStream::new(None, move |cx: &mut Context<'_>| {
                if ended {
                    return Poll::Ready(None);
                }
                next(cx).map(|event| {
                    event.map(|event| {
                        frame(&match event {
                            Ok(event) => of_event(&event, codec),
                            Err(error) => {
                                ended = true;
                                of_error(&error)
                            }
                        })
                    })
                })
            })
        });
    }
}

/// The bytes of a message. One over the limits is the service's mistake and ends the stream.
fn frame(message: &Message) -> Result<Bytes, ApiError> {
    let mut out = BytesMut::new();
    let encoded = message.encode(&mut out);
    encoded.map_err(|error| ApiError::internal(format!("An event could not be sent: {error:?}")))?;
    Ok(out.freeze())
}

fn headers(
    kind: &str,
    name_header: &str,
    name: &str,
    content_type: Option<&str>,
) -> Vec<(String, HeaderValue)> {
    let text = |name: &str, value: &str| (name.to_owned(), HeaderValue::Text(value.to_owned()));
    let mut headers = vec![text(name_header, name)];
    headers.extend(content_type.map(|content_type| text(":content-type", content_type)));
    headers.push(text(":message-type", kind));
    headers
}

fn of_error(error: &ApiError) -> Message {
    let mut payload = b"{\"message\":".to_vec();
    json::text(&mut payload, &error.message);
    payload.push(b'}');
    Message {
        headers: headers("exception", ":exception-type", &error.code, Some("application/json")),
        payload: payload.into(),
    }
}

fn of_event(event: &dyn WriteShape, codec: Codec) -> Message {
    let mut writer = EventWriter { codec, message: Message::default() };
    event.write(&mut writer);
    writer.message
}

/// The frame that carries what is not events: the JSON protocols' `initial-response`.
pub(crate) fn initial_response(json: Vec<u8>) -> Result<Bytes, ApiError> {
    frame(&Message {
        headers: headers("event", ":event-type", "initial-response", Some("application/x-amz-json-1.1")),
        payload: json.into(),
    })
}

/// Takes the union of the events apart.
struct EventWriter {
    codec: Codec,
    message: Message,
}

impl ShapeWriter for EventWriter {
    fn union(&mut self, schema: &'static Schema, index: usize, value: &dyn WriteShape) {
        let Some(member) = schema.members.get(index) else { return };
        let mut body =
            BodyWriter { codec: self.codec, content_type: None, headers: Vec::new(), payload: Bytes::new() };
        value.write(&mut body);
        let (kind, name_header) = if member.target().traits.error.is_some() {
            ("exception", ":exception-type")
        } else {
            ("event", ":event-type")
        };
        self.message.headers = headers(kind, name_header, member.wire, body.content_type);
        self.message.headers.append(&mut body.headers);
        self.message.payload = body.payload;
    }
}

/// Takes one event apart: headers, payload, or a document of all its members.
struct BodyWriter {
    codec: Codec,
    content_type: Option<&'static str>,
    headers: Vec<(String, HeaderValue)>,
    payload: Bytes,
}

impl BodyWriter {
    fn document(&mut self, body: Vec<u8>) {
        self.payload = body.into();
        self.content_type = Some(match self.codec {
            Codec::Json => "application/json",
            Codec::Xml => "text/xml",
        });
    }
}

impl ShapeWriter for BodyWriter {
    fn structure(&mut self, schema: &'static Schema, values: &[&dyn WriteShape]) {
        let present = || schema.members.iter().zip(values).filter(|(_, value)| !value.absent());
        for (member, value) in present().filter(|(member, _)| member.traits.event_header) {
            let mut header = HeaderWriter(None);
            value.write(&mut header);
            self.headers.extend(header.0.map(|value| (member.wire.to_owned(), value)));
        }
        let mut out = Vec::new();
        if let Some((member, value)) = present().find(|(member, _)| member.traits.event_payload) {
            match (member.target().kind, self.codec) {
                (Kind::Blob, _) => {
                    self.payload = values::bytes_of(*value);
                    self.content_type = Some("application/octet-stream");
                }
                (Kind::String, _) => {
                    self.payload = values::bytes_of(*value);
                    self.content_type = Some("text/plain");
                }
                (_, Codec::Json) => {
                    JsonWriter::new(&mut out).value(member, *value);
                    self.document(out);
                }
                (_, Codec::Xml) => {
                    XmlWriter::new(&mut out, Dialect::Rest).root(member.wire, None, *value);
                    self.document(out);
                }
            }
            return;
        }
        if schema.members.iter().any(|member| member.traits.event_payload) || schema.members.is_empty() {
            return;
        }
        let in_document = present().filter(|(member, _)| !member.traits.event_header);
        match self.codec {
            Codec::Json => {
                out.push(b'{');
                let mut writer = JsonWriter::new(&mut out);
                in_document.for_each(|(member, value)| writer.member(member, *value));
                out.push(b'}');
            }
            Codec::Xml => {
                let name = schema.traits.xml_name.unwrap_or(schema.name);
                XmlWriter::new(&mut out, Dialect::Rest).root(name, None, &Again { schema, values });
            }
        }
        self.document(out);
    }
}

/// A structure taken apart, to be written again.
struct Again<'v> {
    schema: &'static Schema,
    values: &'v [&'v dyn WriteShape],
}

impl WriteShape for Again<'_> {
    fn write(&self, writer: &mut dyn ShapeWriter) {
        writer.structure(self.schema, self.values);
    }
}

/// A member as the header of a frame.
struct HeaderWriter(Option<HeaderValue>);

impl ShapeWriter for HeaderWriter {
    fn string(&mut self, value: &str) {
        self.0 = Some(HeaderValue::Text(value.to_owned()));
    }
    fn blob(&mut self, value: &Bytes) {
        self.0 = Some(HeaderValue::Bytes(value.clone()));
    }
    fn boolean(&mut self, value: bool) {
        self.0 = Some(HeaderValue::Boolean(value));
    }
    fn integer(&mut self, value: i32) {
        self.0 = Some(HeaderValue::Integer(value));
    }
    fn long(&mut self, value: i64) {
        self.0 = Some(HeaderValue::Long(value));
    }
    fn timestamp(&mut self, value: moln_kernel::Timestamp) {
        self.0 = Some(HeaderValue::Timestamp(i64::try_from(value.millis()).unwrap_or(i64::MAX)));
    }
}

/// Takes the stream out of a value that is one.
pub(crate) fn stream_of(value: &dyn WriteShape, codec: Codec) -> ByteStream {
    struct Taker(Codec, ByteStream);
    impl ShapeWriter for Taker {
        fn stream(&mut self, open: &mut dyn FnMut(Codec) -> ByteStream) {
            self.1 = open(self.0);
        }
        fn blob(&mut self, value: &Bytes) {
            self.1 = value.clone().into();
        }
    }
    let mut taker = Taker(codec, ByteStream::default());
    value.write(&mut taker);
    taker.1
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, task::Waker};

    use super::*;
    use crate::{
        Member,
        schema::{BLOB, MemberTraits, STRING},
    };

    static CHUNK: Schema = Schema {
        members: &[Member {
            traits: &MemberTraits { event_payload: true, ..MemberTraits::NONE },
            ..Member::new("Payload", &BLOB)
        }],
        ..Schema::new("Chunk", Kind::Structure)
    };
    static END: Schema =
        Schema { members: &[Member::new("ErrorCode", &STRING)], ..Schema::new("End", Kind::Structure) };
    static EVENTS: Schema = Schema {
        members: &[Member::new("PayloadChunk", &CHUNK), Member::new("InvokeComplete", &END)],
        ..Schema::new("Events", Kind::Union)
    };

    struct Chunk(Bytes);
    impl WriteShape for Chunk {
        fn write(&self, writer: &mut dyn ShapeWriter) {
            writer.structure(&CHUNK, &[&self.0]);
        }
    }
    struct End(Option<String>);
    impl WriteShape for End {
        fn write(&self, writer: &mut dyn ShapeWriter) {
            writer.structure(&END, &[&self.0]);
        }
    }
    enum Event {
        Chunk(Chunk),
        End(End),
    }
    impl WriteShape for Event {
        fn write(&self, writer: &mut dyn ShapeWriter) {
            match self {
                Self::Chunk(chunk) => writer.union(&EVENTS, 0, chunk),
                Self::End(end) => writer.union(&EVENTS, 1, end),
            }
        }
    }

    #[test]
    fn events_leave_as_frames_and_an_error_ends_them() {
        let mut events: VecDeque<Result<Event, ApiError>> = [
            Ok(Event::Chunk(Chunk(Bytes::from_static(b"\0raw")))),
            Ok(Event::End(End(Some("Unhandled".into())))),
            Err(ApiError::sender("SessionTimeoutException", "over")),
            Ok(Event::End(End(None))),
        ]
        .into();
        let stream = EventStream::new(move |_: &mut Context<'_>| Poll::Ready(events.pop_front()));
        let mut body = stream_of(&stream, Codec::Json);
        let mut cx = Context::from_waker(Waker::noop());
        let mut messages = Vec::new();
        while let Poll::Ready(Some(piece)) = body.poll_next(&mut cx) {
            messages.push(Message::decode(&mut BytesMut::from(&piece.unwrap()[..])).unwrap().unwrap());
        }
        let told: Vec<_> = messages
            .iter()
            .map(|message| {
                let header = |name: &str| {
                    let found = message.headers.iter().find(|(known, _)| known == name);
                    found.and_then(|(_, value)| match value {
                        HeaderValue::Text(text) => Some(text.as_str()),
                        _ => None,
                    })
                };
                (header(":event-type").or(header(":exception-type")).unwrap(), &message.payload[..])
            })
            .collect();
        assert_eq!(
            told,
            [
                ("PayloadChunk", &b"\0raw"[..]),
                ("InvokeComplete", br#"{"ErrorCode":"Unhandled"}"#),
                ("SessionTimeoutException", br#"{"message":"over"}"#),
            ]
        );
    }
}
