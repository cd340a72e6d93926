//! Frames of event streams (`application/vnd.amazon.eventstream`): a prelude with lengths and its checksum, headers, a
//! payload, a checksum of it all. Numbers are big-endian, checksums CRC-32.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The prelude: two lengths and a checksum.
const PRELUDE: usize = 12;
/// The checksum at the end.
const TRAILER: usize = 4;
/// Headers of one message, at most: AWS's limit.
pub const HEADERS: usize = 128 * 1024;
/// Payload of one message, at most: AWS's limit of 24 MiB.
pub const PAYLOAD: usize = 24 * 1024 * 1024;

/// A header's value.
#[derive(Clone, Debug, PartialEq)]
pub enum HeaderValue {
    /// Types 0 and 1.
    Boolean(bool),
    /// Type 2.
    Byte(i8),
    /// Type 3.
    Short(i16),
    /// Type 4.
    Integer(i32),
    /// Type 5.
    Long(i64),
    /// Type 6; at most 65,535 bytes.
    Bytes(Bytes),
    /// Type 7; at most 65,535 bytes.
    Text(String),
    /// Type 8: milliseconds since the epoch.
    Timestamp(i64),
    /// Type 9.
    Uuid([u8; 16]),
}

/// One message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// Names (at most 255 bytes) and values, in order.
    pub headers: Vec<(String, HeaderValue)>,
    /// The payload.
    pub payload: Bytes,
}

/// Why bytes are no message, or a message can not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Lengths that contradict each other.
    Length,
    /// A checksum that does not match.
    Checksum,
    /// A header of an unknown type, or one that is cut off.
    Header,
    /// Over [`HEADERS`], [`PAYLOAD`], or a header's own limits.
    TooLarge,
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Length => "the event's lengths contradict each other",
            Self::Checksum => "the event's checksum does not match",
            Self::Header => "the event has a malformed header",
            Self::TooLarge => "the event is over the limits of event streams",
        })
    }
}
impl std::error::Error for FrameError {}

impl Message {
    /// A message with the headers every event has, in a response: `:message-type`, `:event-type`, `:content-type`.
    pub fn event(event_type: &str, content_type: &str, payload: Bytes) -> Self {
        let text = |name: &str, value: &str| (name.to_owned(), HeaderValue::Text(value.to_owned()));
        let headers = vec![
            text(":message-type", "event"),
            text(":event-type", event_type),
            text(":content-type", content_type),
        ];
        Self { headers, payload }
    }

    /// A header's value, by name.
    pub fn header(&self, name: &str) -> Option<&HeaderValue> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// Appends the message to a buffer.
    ///
    /// Errors: over the limits; the buffer is then as it was.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), FrameError> {
        let mut headers = BytesMut::new();
        for (name, value) in &self.headers {
            let length = u8::try_from(name.len()).map_err(|_| FrameError::TooLarge)?;
            headers.put_u8(length);
            headers.put_slice(name.as_bytes());
            put_value(&mut headers, value)?;
        }
        if headers.len() > HEADERS || self.payload.len() > PAYLOAD {
            return Err(FrameError::TooLarge);
        }
        let total = PRELUDE + headers.len() + self.payload.len() + TRAILER;
        let length = |n: usize| u32::try_from(n).map_err(|_| FrameError::TooLarge);
        let (total, headers_length) = (length(total)?, length(headers.len())?);
        let mut frame = BytesMut::with_capacity(total as usize);
        frame.put_u32(total);
        frame.put_u32(headers_length);
        frame.put_u32(crc32fast::hash(&frame));
        frame.put_slice(&headers);
        frame.put_slice(&self.payload);
        frame.put_u32(crc32fast::hash(&frame));
        out.extend_from_slice(&frame);
        Ok(())
    }

    /// Takes the first message of a buffer; `None` while it is not complete.
    ///
    /// Errors: bytes that no message begins with, or a message that was damaged.
    pub fn decode(buffer: &mut BytesMut) -> Result<Option<Self>, FrameError> {
        let Some(prelude) = buffer.first_chunk::<PRELUDE>().copied() else { return Ok(None) };
        let mut fields = &prelude[..];
        let (total, headers, checksum) =
            (fields.get_u32() as usize, fields.get_u32() as usize, fields.get_u32());
        let checked = prelude.first_chunk::<8>().is_some_and(|lengths| crc32fast::hash(lengths) == checksum);
        if !checked {
            return Err(FrameError::Checksum);
        }
        let payload = total.checked_sub(PRELUDE + TRAILER).and_then(|rest| rest.checked_sub(headers));
        let payload = payload.ok_or(FrameError::Length)?;
        if headers > HEADERS || payload > PAYLOAD {
            return Err(FrameError::TooLarge);
        }
        if buffer.len() < total {
            return Ok(None);
        }
        let mut frame = buffer.split_to(total).freeze();
        let mut trailer = frame.split_off(total - TRAILER);
        if crc32fast::hash(&frame) != trailer.get_u32() {
            return Err(FrameError::Checksum);
        }
        frame.advance(PRELUDE);
        let mut head = frame.split_to(headers);
        let mut message = Self { headers: Vec::new(), payload: frame };
        while head.has_remaining() {
            message.headers.push(take_header(&mut head).ok_or(FrameError::Header)?);
        }
        Ok(Some(message))
    }
}

fn put_value(out: &mut BytesMut, value: &HeaderValue) -> Result<(), FrameError> {
    let mut sized = |kind: u8, bytes: &[u8]| {
        let length = u16::try_from(bytes.len()).map_err(|_| FrameError::TooLarge)?;
        out.put_u8(kind);
        out.put_u16(length);
        out.put_slice(bytes);
        Ok(())
    };
    match value {
        HeaderValue::Bytes(bytes) => return sized(6, bytes),
        HeaderValue::Text(text) => return sized(7, text.as_bytes()),
        HeaderValue::Boolean(value) => out.put_u8(u8::from(!value)),
        HeaderValue::Byte(value) => {
            out.put_u8(2);
            out.put_i8(*value);
        }
        HeaderValue::Short(value) => {
            out.put_u8(3);
            out.put_i16(*value);
        }
        HeaderValue::Integer(value) => {
            out.put_u8(4);
            out.put_i32(*value);
        }
        HeaderValue::Long(value) => {
            out.put_u8(5);
            out.put_i64(*value);
        }
        HeaderValue::Timestamp(value) => {
            out.put_u8(8);
            out.put_i64(*value);
        }
        HeaderValue::Uuid(value) => {
            out.put_u8(9);
            out.put_slice(value);
        }
    }
    Ok(())
}

fn take_header(head: &mut Bytes) -> Option<(String, HeaderValue)> {
    let text = |bytes: Bytes| String::from_utf8(bytes.into()).ok();
    let length = head.try_get_u8().ok()?;
    let name = text(take(head, usize::from(length))?)?;
    let value = match head.try_get_u8().ok()? {
        0 => HeaderValue::Boolean(true),
        1 => HeaderValue::Boolean(false),
        2 => HeaderValue::Byte(head.try_get_i8().ok()?),
        3 => HeaderValue::Short(head.try_get_i16().ok()?),
        4 => HeaderValue::Integer(head.try_get_i32().ok()?),
        5 => HeaderValue::Long(head.try_get_i64().ok()?),
        kind @ (6 | 7) => {
            let length = head.try_get_u16().ok()?;
            let bytes = take(head, usize::from(length))?;
            if kind == 6 { HeaderValue::Bytes(bytes) } else { HeaderValue::Text(text(bytes)?) }
        }
        8 => HeaderValue::Timestamp(head.try_get_i64().ok()?),
        9 => HeaderValue::Uuid(take(head, 16)?.first_chunk().copied()?),
        _ => return None,
    };
    Some((name, value))
}

fn take(head: &mut Bytes, length: usize) -> Option<Bytes> {
    (head.len() >= length).then(|| head.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Message {
        let header = |name: &str, value| (name.to_owned(), value);
        Message {
            headers: vec![
                header("t", HeaderValue::Boolean(true)),
                header("f", HeaderValue::Boolean(false)),
                header("b", HeaderValue::Byte(-1)),
                header("s", HeaderValue::Short(-2)),
                header("i", HeaderValue::Integer(-3)),
                header("l", HeaderValue::Long(-4)),
                header("y", HeaderValue::Bytes(Bytes::from_static(b"\0\xff"))),
                header(":message-type", HeaderValue::Text("event".into())),
                header("m", HeaderValue::Timestamp(1_400_000_000_000)),
                header("u", HeaderValue::Uuid([7; 16])),
            ],
            payload: Bytes::from_static(b"payload"),
        }
    }

    #[test]
    fn all_headers_there_and_back() {
        let mut buffer = BytesMut::new();
        sample().encode(&mut buffer).unwrap();
        let whole = buffer.clone();
        sample().encode(&mut buffer).unwrap();
        assert_eq!(Message::decode(&mut buffer), Ok(Some(sample())));
        assert_eq!(Message::decode(&mut buffer), Ok(Some(sample())));
        assert_eq!(Message::decode(&mut buffer), Ok(None));
        for length in 0..whole.len() {
            assert_eq!(Message::decode(&mut BytesMut::from(&whole[..length])), Ok(None), "{length} bytes");
        }
    }

    /// The empty message of AWS's published test vectors.
    #[test]
    fn empty_message() {
        let mut buffer = BytesMut::new();
        Message::default().encode(&mut buffer).unwrap();
        let expected = [0, 0, 0, 16, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
        assert_eq!(&buffer[..], expected);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut whole = BytesMut::new();
        sample().encode(&mut whole).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Message::decode(&mut damaged), Err(FrameError::Checksum), "bit {bit}");
        }
    }

    #[test]
    fn limits() {
        let large = Message { payload: Bytes::from(vec![0; PAYLOAD + 1]), ..Message::default() };
        assert_eq!(large.encode(&mut BytesMut::new()), Err(FrameError::TooLarge));
        let name = Message { headers: vec![("n".repeat(256), HeaderValue::Byte(0))], ..Message::default() };
        assert_eq!(name.encode(&mut BytesMut::new()), Err(FrameError::TooLarge));
        let mut lengths = BytesMut::new();
        lengths.put_u32(10);
        lengths.put_u32(0);
        lengths.put_u32(crc32fast::hash(&lengths));
        assert_eq!(Message::decode(&mut lengths), Err(FrameError::Length));
    }
}
