//! Bytes that a process wrote, cut into lines: plain text by its line ends, or the frames of a runtime's telemetry
//! descriptor. Nothing is kept but an unfinished line, and that is at most [`LINE`] long.

use crate::{LogLevel, limits::LINE};

use super::level;

/// In which form a descriptor is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Text; a line end ends a line.
    Lines,
    /// Frames: type (`0xA55A0003` text, `0xA55A0002` JSON, the level in bits 2 to 4), length, microseconds since 1970, all
    /// big endian; then the message, which may have several lines.
    Frames,
}

const FRAME_HEAD: usize = 16;
const FRAME_TEXT: u32 = 0xA55A_0003;
const FRAME_JSON: u32 = 0xA55A_0002;
const FRAME_LEVEL: u32 = 0b1_1100;

/// Cuts.
#[derive(Debug)]
pub(super) struct Reader {
    form: Form,
    /// The unfinished line, or an unfinished head.
    held: Vec<u8>,
    /// What is missing of the frame's message; `None`: a head comes.
    frame: Option<Frame>,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    left: usize,
    level: Option<LogLevel>,
}

impl Reader {
    pub(super) fn new(form: Form) -> Self {
        Self { form, held: Vec::new(), frame: None }
    }

    /// Takes what was read; gives every finished line to `line`, with the level when the frame says one.
    pub(super) fn take(&mut self, mut bytes: &[u8], line: &mut dyn FnMut(&[u8], Option<LogLevel>)) {
        while !bytes.is_empty() {
            bytes = match self.form {
                Form::Lines => self.text(bytes, line),
                Form::Frames => self.framed(bytes, line),
            };
        }
        // A long line must not keep its buffer for ever.
        if self.held.is_empty() && self.held.capacity() > 16 * 1024 {
            self.held = Vec::new();
        }
    }

    /// The unfinished line, as one: at the end of an invocation, and of the process.
    pub(super) fn finish(&mut self, line: &mut dyn FnMut(&[u8], Option<LogLevel>)) {
        if self.form == Form::Lines && !self.held.is_empty() {
            line(&self.held, None);
            self.held.clear();
        }
    }

    fn text<'a>(&mut self, bytes: &'a [u8], line: &mut dyn FnMut(&[u8], Option<LogLevel>)) -> &'a [u8] {
        let room = LINE - self.held.len();
        let (window, beyond) = bytes.split_at(bytes.len().min(room + 1));
        if let Some(end) = memchr::memchr(b'\n', window) {
            let (text, rest) = bytes.split_at(end);
            let text = if text.last() == Some(&b'\r') { text.get(..end - 1).unwrap_or(text) } else { text };
            if self.held.is_empty() {
                // Empty lines are none: AWS's logs have no such event.
                if !text.is_empty() {
                    line(text, None);
                }
            } else {
                self.held.extend_from_slice(text);
                line(&self.held, None);
                self.held.clear();
            }
            return rest.get(1..).unwrap_or_default();
        }
        if window.len() <= room {
            self.held.extend_from_slice(window);
            return beyond;
        }
        let (text, rest) = bytes.split_at(room);
        self.held.extend_from_slice(text);
        line(&self.held, None);
        self.held.clear();
        rest
    }

    fn framed<'a>(&mut self, bytes: &'a [u8], line: &mut dyn FnMut(&[u8], Option<LogLevel>)) -> &'a [u8] {
        let Some(frame) = &mut self.frame else {
            let (head, rest) = bytes.split_at(bytes.len().min(FRAME_HEAD - self.held.len()));
            self.held.extend_from_slice(head);
            if let Some([a, b, c, d, e, f, g, h, ..]) = self.held.get(..FRAME_HEAD) {
                let kind = u32::from_be_bytes([*a, *b, *c, *d]);
                if !matches!(kind & !FRAME_LEVEL, FRAME_TEXT | FRAME_JSON) {
                    // Not ours: whoever writes here without frames is read as text from now on.
                    self.form = Form::Lines;
                    let held = std::mem::take(&mut self.held);
                    self.take(&held, line);
                    return rest;
                }
                let left = usize::try_from(u32::from_be_bytes([*e, *f, *g, *h])).unwrap_or(usize::MAX);
                self.held.clear();
                self.frame = (left > 0).then(|| Frame { left, level: level::of_frame(kind) });
            }
            return rest;
        };
        let take = bytes.len().min(frame.left).min(LINE - self.held.len());
        let (text, rest) = bytes.split_at(take);
        frame.left -= take;
        let (done, level) = (frame.left == 0, frame.level);
        self.held.extend_from_slice(text);
        if done || self.held.len() == LINE {
            let message = if done { self.held.strip_suffix(b"\n").unwrap_or(&self.held) } else { &self.held };
            line(message, level);
            self.held.clear();
        }
        if done {
            self.frame = None;
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: Form, pieces: &[&[u8]]) -> Vec<(Vec<u8>, Option<LogLevel>)> {
        let mut reader = Reader::new(form);
        let mut lines = Vec::new();
        let mut line = |text: &[u8], level| lines.push((text.to_vec(), level));
        for piece in pieces {
            reader.take(piece, &mut line);
        }
        reader.finish(&mut line);
        lines
    }

    fn texts(form: Form, pieces: &[&[u8]]) -> Vec<String> {
        read(form, pieces).into_iter().map(|(line, _)| String::from_utf8_lossy(&line).into_owned()).collect()
    }

    fn frame(kind: u32, message: &[u8]) -> Vec<u8> {
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        bytes.extend(1_700_000_000_000_000_u64.to_be_bytes());
        bytes.extend(message);
        bytes
    }

    #[test]
    fn text_is_cut_at_line_ends_wherever_the_pieces_end() {
        let text = b"one\r\n\ntwo\nthr";
        assert_eq!(texts(Form::Lines, &[text]), ["one", "two", "thr"]);
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(
            texts(Form::Lines, &bytes).concat(),
            "onetwothr".replace("one", "one\r"),
            "a piece ends before \\n"
        );
        assert_eq!(read(Form::Lines, &[b"\xff\x00\xfe\n"])[0].0, b"\xff\x00\xfe");
    }

    #[test]
    fn long_lines_are_split_and_nothing_is_lost() {
        let long = vec![b'x'; LINE * 2 + 5];
        let mut with_end = long.clone();
        with_end.push(b'\n');
        for pieces in [vec![&with_end[..]], with_end.chunks(4096).collect()] {
            let lengths: Vec<usize> = read(Form::Lines, &pieces).iter().map(|(line, _)| line.len()).collect();
            assert_eq!(lengths, [LINE, LINE, 5]);
        }
        let exact = [vec![b'y'; LINE], b"\nnext\n".to_vec()].concat();
        let lengths: Vec<usize> = read(Form::Lines, &[&exact]).iter().map(|(line, _)| line.len()).collect();
        assert_eq!(lengths, [LINE, 4]);
    }

    #[test]
    fn frames_carry_several_lines_and_a_level() {
        let bytes = [
            frame(FRAME_TEXT | 0b10100, b"a\nb\n"),
            frame(FRAME_JSON, br#"{"level":"INFO"}"#),
            frame(FRAME_TEXT, b""),
            frame(FRAME_TEXT, &vec![b'z'; LINE + 1]),
        ]
        .concat();
        for pieces in [vec![&bytes[..]], bytes.chunks(7).collect()] {
            let lines = read(Form::Frames, &pieces);
            assert_eq!(lines[0], (b"a\nb".to_vec(), Some(LogLevel::Error)));
            assert_eq!(lines[1], (br#"{"level":"INFO"}"#.to_vec(), None));
            assert_eq!((lines[2].0.len(), lines[3].0.len(), lines.len()), (LINE, 1, 4));
        }
    }

    #[test]
    fn what_is_no_frame_is_text() {
        assert_eq!(
            texts(Form::Frames, &[b"plain text that is long enough\nmore\n"]),
            ["plain text that is long enough", "more"]
        );
    }
}
