//! Reads a form (RFC 7578): fields first, then the file, which is not kept in memory.

use bytes::{Buf, Bytes, BytesMut};
use moln_kernel::ApiError;
use moln_wire::ByteStream;

use super::policy::PostPolicy;
use crate::errors;

/// Bytes of all fields before the file, with their heads. (AWS: 20 KB of fields.)
const FIELDS: usize = 20 << 10;
/// Bytes of one part's head.
const HEAD: usize = 8 << 10;
/// Fields of a form.
const COUNT: usize = 256;

/// A form, read up to its file.
pub(crate) struct Form {
    /// Names in lower case and values, in the form's order; of a repeated name the first counts.
    fields: Vec<(String, String)>,
    /// The name of the file on the browser's disk.
    pub(crate) file_name: Option<String>,
    /// The type the browser gave the file.
    #[allow(dead_code)] // a form says the type of its object in a field
    pub(crate) file_type: Option<String>,
    /// The file's content.
    pub(crate) file: File,
}

impl Form {
    /// A field's value by its name in lower case.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All fields.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The file of a form, piece by piece; what stands behind it in the form is thrown away.
pub(crate) struct File {
    body: ByteStream,
    buffer: BytesMut,
    /// `\r\n--boundary`
    delimiter: Bytes,
    ended: bool,
    /// Says how long the file may be.
    policy: Option<PostPolicy>,
    length: u64,
}

fn malformed() -> ApiError {
    errors::other(
        400,
        "MalformedPOSTRequest",
        "The body of your POST request is not well-formed multipart/form-data.",
    )
}

/// The boundary of a content type; `None`: no form.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        let good = (1..=70).contains(&value.len()) && name.trim().eq_ignore_ascii_case("boundary");
        good.then(|| value.to_owned())
    })
}

/// Reads the fields; the body is read on when the file is.
pub(crate) async fn read(body: ByteStream, boundary: &str) -> Result<Form, ApiError> {
    let delimiter = Bytes::from(format!("\r\n--{boundary}"));
    // The first delimiter stands at the very beginning, without a line end before it.
    let mut file =
        File { body, buffer: BytesMut::from(&b"\r\n"[..]), delimiter, ended: false, policy: None, length: 0 };
    file.skip_to_part().await?;
    let (mut fields, mut bytes): (Vec<(String, String)>, usize) = (Vec::new(), 0);
    loop {
        let head = file.head().await?;
        bytes += head.len();
        let part = Part::read(&head)?;
        if part.name == "file" {
            return Ok(Form { fields, file_name: part.file_name, file_type: part.content_type, file });
        }
        let mut value = BytesMut::new();
        while let Some(piece) = file.piece().await? {
            bytes += piece.len();
            value.extend_from_slice(&piece);
            if bytes > FIELDS {
                return Err(errors::other(
                    400,
                    "MaxPostPreDataLengthExceeded",
                    "Your POST request fields preceding the upload file were too large.",
                ));
            }
        }
        if fields.len() == COUNT {
            return Err(malformed());
        }
        let value = String::from_utf8(value.into()).map_err(|_| malformed())?;
        fields.push((part.name.to_lowercase(), value));
        if !file.next_part().await? {
            return Err(errors::invalid_argument(
                "POST requires exactly one file upload per request.",
                "file",
                "0",
            ));
        }
    }
}

/// The head of a part.
struct Part {
    name: String,
    file_name: Option<String>,
    content_type: Option<String>,
}

impl Part {
    fn read(head: &[u8]) -> Result<Self, ApiError> {
        let head = std::str::from_utf8(head).map_err(|_| malformed())?;
        let (mut name, mut file_name, mut content_type) = (None, None, None);
        for line in head.split("\r\n").filter(|line| !line.is_empty()) {
            let (header, value) = line.split_once(':').ok_or_else(malformed)?;
            if header.eq_ignore_ascii_case("content-type") {
                content_type = Some(value.trim().to_owned());
            } else if header.eq_ignore_ascii_case("content-disposition") {
                name = parameter(value, "name");
                file_name = parameter(value, "filename");
            }
        }
        Ok(Self { name: name.ok_or_else(malformed)?, file_name, content_type })
    }
}

/// A parameter of `form-data; name="a"; filename="b"`; browsers write quotes inside as `%22` or `\"`.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    let mut rest = value;
    while let Some((_, after)) = rest.split_once(';') {
        let after = after.trim_start();
        let (name, text) = after.split_once('=')?;
        let (parsed, left) = if let Some(quoted) = text.strip_prefix('"') {
            let mut out = String::new();
            let mut chars = quoted.char_indices();
            let mut end = quoted.len();
            while let Some((at, c)) = chars.next() {
                match c {
                    '"' => {
                        end = at + 1;
                        break;
                    }
                    '\\' => out.extend(chars.next().map(|(_, next)| next)),
                    _ => out.push(c),
                }
            }
            (out.replace("%22", "\""), quoted.get(end..).unwrap_or_default())
        } else {
            let end = text.find(';').unwrap_or(text.len());
            let (plain, left) = text.split_at(end);
            (plain.trim().to_owned(), left)
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(parsed);
        }
        rest = left;
    }
    None
}

impl File {
    /// Reads one more piece of the body into the buffer; `false` at the end.
    async fn fill(&mut self) -> Result<bool, ApiError> {
        match self.body.next().await {
            Some(piece) => {
                self.buffer.extend_from_slice(&piece?);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// What stands before the first delimiter means nothing.
    async fn skip_to_part(&mut self) -> Result<(), ApiError> {
        while self.piece().await?.is_some() {}
        if self.next_part().await? { Ok(()) } else { Err(malformed()) }
    }

    /// Behind a delimiter: `true` when another part follows, `false` at the end of the form.
    async fn next_part(&mut self) -> Result<bool, ApiError> {
        while self.buffer.len() < 2 {
            if !self.fill().await? {
                return Err(malformed());
            }
        }
        let more = match self.buffer.get(..2) {
            Some(b"\r\n") => true,
            Some(b"--") => false,
            _ => return Err(malformed()),
        };
        self.buffer.advance(2);
        self.ended = !more;
        Ok(more)
    }

    /// The head of the part that follows.
    async fn head(&mut self) -> Result<Bytes, ApiError> {
        self.ended = false;
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                let head = self.buffer.split_to(at).freeze();
                self.buffer.advance(4);
                return Ok(head);
            }
            if self.buffer.len() > HEAD || !self.fill().await? {
                return Err(malformed());
            }
        }
    }

    /// The next piece of the part's content; `None` at its delimiter, which is consumed.
    async fn piece(&mut self) -> Result<Option<Bytes>, ApiError> {
        if self.ended {
            return Ok(None);
        }
        loop {
            if let Some(at) = find(&self.buffer, &self.delimiter) {
                if at > 0 {
                    return Ok(Some(self.buffer.split_to(at).freeze()));
                }
                self.buffer.advance(self.delimiter.len());
                self.ended = true;
                return Ok(None);
            }
            // All but what may be the beginning of the delimiter is content.
            let sure = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
            if sure > 0 {
                return Ok(Some(self.buffer.split_to(sure).freeze()));
            }
            if !self.fill().await? {
                return Err(malformed());
            }
        }
    }

    /// Holds the file to the length its policy names.
    pub(crate) fn limit(&mut self, policy: Option<PostPolicy>) {
        self.policy = policy;
    }

    /// A file that was taken out of its form.
    pub(crate) fn ended() -> Self {
        let (body, buffer, delimiter) = (ByteStream::default(), BytesMut::new(), Bytes::new());
        Self { body, buffer, delimiter, ended: true, policy: None, length: 0 }
    }

    /// The next piece of the file; `None` at its end, when the rest of the form was read, too.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, ApiError>> {
        match self.piece().await {
            Ok(Some(piece)) => {
                self.length += piece.len() as u64;
                Some(Ok(piece))
            }
            Ok(None) => {
                // Judged before anything of the file is kept.
                if let Some(Err(why)) = self.policy.take().map(|policy| policy.check_length(self.length)) {
                    return Some(Err(why));
                }
                // What follows the file is not looked at, but the signature over the whole body ends there.
                self.buffer.clear();
                loop {
                    match self.body.next().await {
                        Some(Ok(_)) => {}
                        Some(Err(why)) => return Some(Err(why)),
                        None => return None,
                    }
                }
            }
            Err(why) => Some(Err(why)),
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(haystack, needle)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        task::{Context, Poll},
    };

    use moln_wire::Pieces;

    use super::*;

    struct Cut(VecDeque<Bytes>);

    impl Pieces for Cut {
        fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, ApiError>>> {
            Poll::Ready(self.0.pop_front().map(Ok))
        }
    }

    fn cut(text: &str, size: usize) -> ByteStream {
        let pieces = text.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
        ByteStream::new(None, Cut(pieces))
    }

    const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"Key\"\r\n\r\na/${filename}\r\n--b\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"x \\\"y\\\".txt\"\r\nContent-Type: text/plain\r\n\r\n\
        line\r\n--not the end\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nignored\r\n--b--\r\n";

    #[tokio::test]
    async fn a_form_is_read_however_it_is_cut() {
        for size in [1, 2, 3, 7, 64, 10_000] {
            let mut form = read(cut(FORM, size), "b").await.unwrap();
            assert_eq!(form.field("key"), Some("a/${filename}"));
            assert_eq!(form.file_name.as_deref(), Some("x \"y\".txt"));
            assert_eq!(form.file_type.as_deref(), Some("text/plain"));
            let mut content = Vec::new();
            while let Some(piece) = form.file.next().await {
                content.extend_from_slice(&piece.unwrap());
            }
            assert_eq!(content, b"line\r\n--not the end\r\n", "pieces of {size}");
        }
    }

    #[tokio::test]
    async fn bad_forms_are_refused() {
        let long = format!(
            "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{}\r\n--b--\r\n",
            "x".repeat(FIELDS + 1)
        );
        for (text, code) in [
            ("", "MalformedPOSTRequest"),
            ("--b--\r\n", "MalformedPOSTRequest"),
            ("--b\r\nnothing\r\n\r\n\r\n--b--", "MalformedPOSTRequest"),
            ("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--b--\r\n", "InvalidArgument"),
            ("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx", "MalformedPOSTRequest"),
            (&long, "MaxPostPreDataLengthExceeded"),
        ] {
            assert_eq!(read(cut(text, 50), "b").await.err().unwrap().code, code, "{text:.60}");
        }
        // A file that breaks off is an error, not a shorter file.
        let mut form = read(cut(&FORM[..FORM.len() - 90], 50), "b").await.unwrap();
        let mut last = None;
        while let Some(piece) = form.file.next().await {
            let failed = piece.is_err();
            last = Some(piece);
            if failed {
                break;
            }
        }
        assert!(last.unwrap().is_err());
    }

    #[test]
    fn boundaries_are_found() {
        assert_eq!(boundary("multipart/form-data; boundary=\"a b\"").as_deref(), Some("a b"));
        assert_eq!(boundary("Multipart/Form-Data; charset=x; Boundary=q").as_deref(), Some("q"));
        assert!(
            boundary("application/xml; boundary=a").is_none() && boundary("multipart/form-data").is_none()
        );
    }
}
