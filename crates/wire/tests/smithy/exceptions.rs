//! The cases that are not for a server, or not for one with this crate's types.

/// File, case, why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// Why a case is excepted.
pub(crate) fn reason(file: &str, id: &str) -> Option<&'static str> {
    EXCEPTIONS.iter().find(|(of, case, _)| *of == file && *case == id).map(|(.., reason)| *reason)
}
