//! What web pages of other origins may do at an API.

use moln_http_event::Cors as Rules;

use crate::model::Cors;

/// The rules of an API. Methods and headers are told in the order of the alphabet.
pub(super) fn rules(cors: &Cors) -> Rules<'_> {
    fn list(names: Option<&Vec<String>>) -> Vec<&str> {
        names.into_iter().flatten().map(String::as_str).collect()
    }
    let sorted = |names| {
        let mut names = list(names);
        names.sort_unstable();
        names
    };
    Rules {
        origins: list(cors.allow_origins.as_ref()),
        methods: sorted(cors.allow_methods.as_ref()),
        headers: sorted(cors.allow_headers.as_ref()),
        exposed: list(cors.expose_headers.as_ref()),
        credentials: cors.allow_credentials == Some(true),
        max_age: cors.max_age,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_and_headers_are_told_sorted() {
        let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        let cors = Cors {
            allow_origins: names(&["https://example.com"]),
            allow_methods: names(&["POST", "GET"]),
            allow_headers: names(&["x-two", "x-one"]),
            ..Cors::default()
        };
        let rules = rules(&cors);
        assert_eq!((rules.methods, rules.headers), (vec!["GET", "POST"], vec!["x-one", "x-two"]));
        assert_eq!((rules.origins, rules.credentials), (vec!["https://example.com"], false));
    }
}
