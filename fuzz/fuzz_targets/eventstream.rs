//! Frames of event streams: what is decoded is encoded to the same bytes.

#![no_main]

use bytes::BytesMut;
use moln_wire::eventstream::Message;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut buffer = BytesMut::from(bytes);
    if let Ok(Some(message)) = Message::decode(&mut buffer) {
        let mut again = BytesMut::new();
        message.encode(&mut again).expect("a decoded message is within the limits");
        assert_eq!(again.len() + buffer.len(), bytes.len());
    }
});
