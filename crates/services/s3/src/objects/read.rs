//! Reads the bytes of a version, all or a range, piece by piece.

use std::{
    collections::VecDeque,
    io::Read,
    ops::Range,
    pin::Pin,
    task::{Poll, ready},
};

use bytes::{Bytes, BytesMut};
use moln_kernel::ApiError;
use moln_store::{
    Scan, Snapshot,
    blobs::{Blobs, Pinned},
};
use moln_wire::{ByteStream, Pieces};
use tokio::task::{self, JoinHandle};

use crate::{
    content::cipher::{Cipher, CustomerKey},
    errors,
    tables::object::{self, Content, EncryptionRow, ObjectRow, PARTS, PartRow},
};

/// Bytes read from a blob at once.
const PIECE: usize = 256 << 10;

/// A stretch of one row or blob.
struct Stretch {
    content: Content,
    /// Data number and part.
    place: (u64, u32),
    range: Range<u64>,
    /// Where in the version its first byte stands: the place in the cipher's stream.
    at: u64,
}

/// The parts of a version, in order of their numbers.
pub(crate) fn parts_of(
    snapshot: &dyn Snapshot,
    bucket: u64,
    data: u64,
) -> Result<Vec<(u32, PartRow)>, ApiError> {
    let mut parts = Vec::new();
    let mut rest = Some(PARTS.within(&(bucket, data)));
    while let Some(range) = rest {
        let page = PARTS.scan(snapshot, &range, Scan::default()).map_err(|why| errors::unreadable(&why))?;
        parts.extend(page.rows.into_iter().map(|((_, _, number), row, _)| (number, row)));
        rest = page.rest;
    }
    Ok(parts)
}

/// What of a version's rows and blobs makes up a range of it.
fn stretches(
    snapshot: &dyn Snapshot,
    bucket: u64,
    row: &ObjectRow,
    range: &Range<u64>,
) -> Result<Vec<Stretch>, ApiError> {
    if !matches!(row.content, Content::Parts(_)) {
        let (content, place) = (row.content.clone(), (row.data, 0));
        return Ok(vec![Stretch { content, place, range: range.clone(), at: range.start }]);
    }
    let mut start = 0;
    let mut stretches = Vec::new();
    for (number, part) in parts_of(snapshot, bucket, row.data)? {
        let end = start + part.size;
        let (from, to) = (range.start.max(start), range.end.min(end));
        if from < to {
            stretches.push(Stretch {
                content: part.content,
                place: (row.data, number),
                range: from - start..to - start,
                // A part is encrypted as a stream of its own, see [`nonce`].
                at: from - start,
            });
        }
        start = end;
    }
    Ok(stretches)
}

/// What starts the cipher's stream of a part: parts come in any order, so each has a stream of its own.
pub(crate) fn nonce(base: [u8; 16], part: u32) -> [u8; 16] {
    let mut nonce = base;
    let place = nonce.get_mut(4..8).into_iter().flatten();
    place.zip(part.to_be_bytes()).for_each(|(byte, number)| *byte ^= number);
    nonce
}

/// Opens a range of a version. `key` is the client's, for a version that is encrypted with one.
pub(crate) fn open(
    blobs: &Blobs,
    snapshot: &dyn Snapshot,
    bucket: u64,
    row: &ObjectRow,
    range: Range<u64>,
    key: Option<&CustomerKey>,
) -> Result<ByteStream, ApiError> {
    let stretches = stretches(snapshot, bucket, row, &range)?;
    let base = match &row.encryption {
        EncryptionRow::Customer { nonce, .. } => Some(*nonce),
        _ => None,
    };
    let cipher = |part: u32, at: u64| Some(key?.stream(nonce(base?, part), at));
    // Most objects are one small row: no task, no channel.
    if let [one] = stretches.as_slice()
        && matches!(one.content, Content::Row | Content::None)
    {
        let bytes = small(snapshot, bucket, one)?;
        return Ok(match cipher(one.place.1, one.at) {
            Some(mut cipher) => {
                let mut open = BytesMut::from(&bytes[..]);
                cipher.apply(&mut open);
                open.freeze().into()
            }
            None => bytes.into(),
        });
    }
    let pins = stretches.iter().filter_map(|stretch| stretch.content.blob());
    let pins: Vec<_> =
        pins.map(|blob| blobs.pin(blob)).collect::<Result<_, _>>().map_err(|why| lost(&why))?;
    // Small parts are read now: what this snapshot shows may be gone when their turn comes.
    let stretches = stretches.into_iter().map(|stretch| {
        let bytes = match stretch.content {
            Content::Blob(..) => None,
            _ => Some(small(snapshot, bucket, &stretch)?),
        };
        Ok((stretch, bytes))
    });
    let stretches: Vec<(Stretch, Option<Bytes>)> = stretches.collect::<Result<_, ApiError>>()?;
    let reader = Reader {
        blobs: blobs.clone(),
        key: key.cloned().zip(base),
        stretches: stretches.into(),
        open: None,
        _pins: pins,
    };
    Ok(ByteStream::new(Some(range.end - range.start), Ahead(Some(reader.read_on()))))
}

/// Reads stretches one after the other.
struct Reader {
    blobs: Blobs,
    /// The client's key, and what starts the cipher's streams.
    key: Option<(CustomerKey, [u8; 16])>,
    stretches: VecDeque<(Stretch, Option<Bytes>)>,
    /// The file in the midst of which it is, what is left of it, and its cipher.
    open: Option<(Box<dyn Read + Send>, u64, Option<Cipher>)>,
    /// While it is read, nobody collects it, even when the version is deleted meanwhile.
    _pins: Vec<Pinned>,
}

/// A reader comes back with what it read: a thread that may wait for the disk is its own only for one piece, however slow the
/// client is.
type Turn = JoinHandle<(Reader, Result<Option<Bytes>, ApiError>)>;

impl Reader {
    fn read_on(mut self) -> Turn {
        // Made where it will be given back: memory that wanders between threads comes home late.
        let room = BytesMut::zeroed(PIECE);
        task::spawn_blocking(move || {
            let piece = self.piece(room);
            (self, piece)
        })
    }

    /// The next piece; `None` at the end.
    fn piece(&mut self, mut room: BytesMut) -> Result<Option<Bytes>, ApiError> {
        loop {
            if let Some((file, left, cipher)) = &mut self.open
                && *left > 0
            {
                let want = usize::try_from(*left).unwrap_or(PIECE).min(PIECE);
                room.truncate(want);
                file.read_exact(&mut room).map_err(|why| lost(&why))?;
                *left -= want as u64;
                if let Some(cipher) = cipher {
                    cipher.apply(&mut room);
                }
                return Ok(Some(room.freeze()));
            }
            self.open = None;
            let Some((stretch, bytes)) = self.stretches.pop_front() else { return Ok(None) };
            let (part, at) = (stretch.place.1, stretch.at);
            let mut cipher = self.key.as_ref().map(|(key, base)| key.stream(nonce(*base, part), at));
            if let Some(blob) = stretch.content.blob() {
                let left = stretch.range.end - stretch.range.start;
                let file = self.blobs.read(blob, stretch.range).map_err(|why| lost(&why))?;
                self.open = Some((Box::new(file), left, cipher));
                continue;
            }
            let mut bytes = BytesMut::from(bytes.unwrap_or_default());
            if let Some(cipher) = &mut cipher {
                cipher.apply(&mut bytes);
            }
            if !bytes.is_empty() {
                return Ok(Some(bytes.freeze()));
            }
        }
    }
}

fn small(snapshot: &dyn Snapshot, bucket: u64, stretch: &Stretch) -> Result<Bytes, ApiError> {
    if stretch.content == Content::None || stretch.range.is_empty() {
        return Ok(Bytes::new());
    }
    let (data, part) = stretch.place;
    let bytes = object::get_bytes(snapshot, (bucket, data, part)).map_err(|why| errors::unreadable(&why))?;
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
    Ok(bytes.slice(at(stretch.range.start)..at(stretch.range.end)))
}

fn lost(why: &dyn std::fmt::Display) -> ApiError {
    tracing::error!(%why, "the bytes of an object cannot be read");
    errors::internal()
}

/// One piece is read while the client takes the one before.
struct Ahead(Option<Turn>);

impl Pieces for Ahead {
    fn poll_next(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Bytes, ApiError>>> {
        let Some(turn) = &mut self.0 else { return Poll::Ready(None) };
        let turned = ready!(Pin::new(turn).poll(cx));
        self.0 = None;
        let (reader, piece) = match turned {
            Ok(turned) => turned,
            // The process ends.
            Err(why) => return Poll::Ready(Some(Err(lost(&why)))),
        };
        if let Ok(Some(_)) = piece {
            self.0 = Some(reader.read_on());
        }
        Poll::Ready(piece.transpose())
    }
}

/// What a `Range` header asks of so many bytes; `None`: everything (also when the header is none that S3 understands).
pub(crate) fn range_of(header: &str, size: u64) -> Result<Option<Range<u64>>, ApiError> {
    let Some(spec) = header.trim().strip_prefix("bytes=") else { return Ok(None) };
    let Some((from, to)) = spec.split_once('-').filter(|_| !spec.contains(',')) else { return Ok(None) };
    let (from, to) = (from.trim(), to.trim());
    let unsatisfiable = || {
        let error = errors::other(416, "InvalidRange", "The requested range is not satisfiable");
        let error = errors::with(error, "RangeRequested", header.trim());
        errors::with(error, "ActualObjectSize", size.to_string())
    };
    let number = |text: &str| -> Option<u64> {
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse().unwrap_or(u64::MAX))
    };
    let range = match (number(from), number(to)) {
        (None, Some(last)) if from.is_empty() => {
            if last == 0 || size == 0 {
                return Err(unsatisfiable());
            }
            size.saturating_sub(last)..size
        }
        (Some(first), None) if to.is_empty() => first..size,
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        _ => return Ok(None),
    };
    if range.start >= size { Err(unsatisfiable()) } else { Ok(Some(range)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        let ask = |header: &str| range_of(header, 10);
        assert_eq!(ask("bytes=0-3").unwrap(), Some(0..4));
        assert_eq!(ask("bytes=4-").unwrap(), Some(4..10));
        assert_eq!(ask("bytes=-3").unwrap(), Some(7..10));
        assert_eq!(ask("bytes=-30").unwrap(), Some(0..10));
        assert_eq!(ask("bytes=5-500").unwrap(), Some(5..10));
        for whole in ["bytes=3-1", "bytes=a-b", "items=0-1", "bytes=0-1,3-4", "bytes=-", ""] {
            assert_eq!(ask(whole).unwrap(), None, "{whole}");
        }
        for bad in ["bytes=10-", "bytes=99-100", "bytes=-0"] {
            assert_eq!(ask(bad).unwrap_err().code, "InvalidRange", "{bad}");
        }
        assert_eq!(range_of("bytes=-1", 0).unwrap_err().code, "InvalidRange");
    }
}
