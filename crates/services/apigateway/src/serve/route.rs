//! Routes of HTTP APIs: which one a request takes.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>

use std::cmp::Ordering;

use moln_http_event::request::decoded;

/// Methods a key may name.
const METHODS: [&str; 8] = ["ANY", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// A route's key, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RouteKey {
    /// `$default`
    Default,
    /// `GET /pets/{id}`
    At(Method, Vec<Segment>),
}

/// A key's method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// One.
    Only(String),
    /// `ANY`
    Any,
}

/// What stands between two slashes of a key, in the order in which it is preferred.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Segment {
    /// A text.
    Fixed(String),
    /// `{id}`
    Named(String),
    /// `{proxy+}`: the rest of the path, at least one segment.
    Greedy(String),
}

impl Segment {
    fn parse(text: &str) -> Option<Self> {
        let Some(name) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
            return (!text.contains(['{', '}'])).then(|| Self::Fixed(text.to_owned()));
        };
        let (name, greedy) = name.strip_suffix('+').map_or((name, false), |name| (name, true));
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | ':');
        if name.is_empty() || !name.chars().all(fits) {
            return None;
        }
        Some(if greedy { Self::Greedy(name.to_owned()) } else { Self::Named(name.to_owned()) })
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Fixed(_) => 0,
            Self::Named(_) => 1,
            Self::Greedy(_) => 2,
        }
    }
}

impl RouteKey {
    /// Reads a key; `None`: it is none.
    pub(crate) fn parse(key: &str) -> Option<Self> {
        if key == "$default" {
            return Some(Self::Default);
        }
        let (method, path) = key.split_once(' ')?;
        if !METHODS.contains(&method) {
            return None;
        }
        let method = if method == "ANY" { Method::Any } else { Method::Only(method.to_owned()) };
        let segments = path.strip_prefix('/')?.split('/').map(Segment::parse).collect::<Option<Vec<_>>>()?;
        let greedy = segments.iter().position(|segment| matches!(segment, Segment::Greedy(_)));
        (greedy.is_none_or(|at| at + 1 == segments.len())).then_some(Self::At(method, segments))
    }

    /// Whether two keys are for the same requests: names of parameters make no difference.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Default, Self::Default) => true,
            (Self::At(method, segments), Self::At(other_method, others)) => {
                let alike = |(a, b): (&Segment, &Segment)| match (a, b) {
                    (Segment::Fixed(a), Segment::Fixed(b)) => a == b,
                    (a, b) => a.rank() == b.rank(),
                };
                method == other_method
                    && segments.len() == others.len()
                    && segments.iter().zip(others).all(alike)
            }
            _ => false,
        }
    }

    /// The order in which keys are tried: a full match before a greedy one, the more specific before the less, a method
    /// before any, `$default` last.
    pub(crate) fn preference(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Default, Self::Default) => Ordering::Equal,
            (Self::Default, _) => Ordering::Greater,
            (_, Self::Default) => Ordering::Less,
            (Self::At(method, segments), Self::At(other_method, others)) => {
                let greedy = |all: &[Segment]| matches!(all.last(), Some(Segment::Greedy(_)));
                let ranks = |all: &[Segment]| all.iter().map(Segment::rank).collect::<Vec<_>>();
                greedy(segments)
                    .cmp(&greedy(others))
                    .then_with(|| ranks(segments).cmp(&ranks(others)))
                    .then_with(|| (*method == Method::Any).cmp(&(*other_method == Method::Any)))
            }
        }
    }

    /// The parameters of a request that fits; `None`: it does not. `path` begins with a slash and is still encoded.
    pub(crate) fn matches(&self, method: &str, path: &str) -> Option<Vec<(String, String)>> {
        let Self::At(wanted, segments) = self else { return Some(Vec::new()) };
        if let Method::Only(wanted) = wanted
            && wanted != method
        {
            return None;
        }
        let mut rest = Some(path.strip_prefix('/')?);
        let mut parameters = Vec::new();
        for segment in segments {
            let here = rest?;
            if let Segment::Greedy(name) = segment {
                parameters.push((name.clone(), decoded(here, false)));
                return (!here.is_empty()).then_some(parameters);
            }
            let (first, behind) =
                here.split_once('/').map_or((here, None), |(first, rest)| (first, Some(rest)));
            let first = decoded(first, false);
            match segment {
                Segment::Named(name) if !first.is_empty() => parameters.push((name.clone(), first)),
                Segment::Fixed(text) if *text == first => {}
                _ => return None,
            }
            rest = behind;
        }
        rest.is_none().then_some(parameters)
    }

    /// The path of the key, for ARNs; `$default` is itself.
    pub(crate) fn path(key: &str) -> &str {
        key.split_once(' ').map_or(key, |(_, path)| path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(keys: &[&str], method: &str, path: &str) -> Option<(String, Vec<(String, String)>)> {
        let mut all: Vec<_> = keys.iter().map(|key| (RouteKey::parse(key).unwrap(), *key)).collect();
        all.sort_by(|a, b| a.0.preference(&b.0));
        all.iter().find_map(|(key, text)| Some(((*text).to_owned(), key.matches(method, path)?)))
    }

    /// AWS's own example, and what follows from its rules.
    #[test]
    fn the_most_specific_route_is_taken() {
        let keys = [
            "$default",
            "ANY /{proxy+}",
            "GET /pets/{proxy+}",
            "GET /pets/{id}",
            "GET /pets/dog/1",
            "ANY /pets/cat",
            "GET /{kind}/dog",
        ];
        for (method, path, key) in [
            ("GET", "/pets/dog/1", "GET /pets/dog/1"),
            ("GET", "/pets/dog/2", "GET /pets/{proxy+}"),
            ("GET", "/pets/6", "GET /pets/{id}"),
            ("GET", "/pets/dog", "GET /pets/{id}"),
            ("GET", "/cats/dog", "GET /{kind}/dog"),
            ("GET", "/pets/cat", "ANY /pets/cat"),
            ("POST", "/pets/cat", "ANY /pets/cat"),
            ("POST", "/test/5", "ANY /{proxy+}"),
            ("POST", "/", "$default"),
            ("GET", "/pets/", "ANY /{proxy+}"),
        ] {
            assert_eq!(chosen(&keys, method, path).unwrap().0, key, "{method} {path}");
        }
        assert_eq!(chosen(&["GET /a"], "POST", "/a"), None);
        assert_eq!(chosen(&["GET /a"], "GET", "/a/"), None);
        assert_eq!(chosen(&["GET /"], "GET", "/").unwrap().1, []);
        // A greedy route is for full matches that are not there.
        assert_eq!(chosen(&["GET /a/{proxy+}", "GET /{x}/b"], "GET", "/a/b").unwrap().0, "GET /{x}/b");
    }

    #[test]
    fn parameters_are_decoded() {
        let (_, found) = chosen(&["GET /a/{x}/{rest+}"], "GET", "/a/1%2F2/b/c%20d").unwrap();
        assert_eq!(found, [("x".to_owned(), "1/2".to_owned()), ("rest".to_owned(), "b/c d".to_owned())]);
    }

    #[test]
    fn keys_are_judged() {
        for bad in
            ["", "/a", "get /a", "GET a", "GET /{}", "GET /{a+}/b", "GET /a{b}", "TRACE /", "default", "GET"]
        {
            assert_eq!(RouteKey::parse(bad), None, "{bad}");
        }
        let same = |a, b| RouteKey::parse(a).unwrap().same(&RouteKey::parse(b).unwrap());
        assert!(same("GET /a/{x}", "GET /a/{y}"));
        assert!(!same("GET /a/{x}", "ANY /a/{x}"));
        assert!(!same("GET /a/{x+}", "GET /a/{x}"));
    }
}
