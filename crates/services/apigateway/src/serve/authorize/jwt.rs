//! JSON web tokens: what a token says, and whether it may be believed. Pure but for the keys, which the caller has.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html>

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use moln_kernel::Timestamp;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Longest token looked at, bytes: headers are not longer.
const TOKEN: usize = 64 << 10;

/// A public key of an issuer.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Key {
    #[serde(default)]
    pub(crate) kid: Option<String>,
    #[serde(default)]
    kty: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
}

/// A token that was taken apart and not yet believed.
pub(crate) struct Token<'t> {
    signed: &'t str,
    signature: Vec<u8>,
    algorithm: &'static RsaParameters,
    /// Which key signed.
    pub(crate) kid: Option<String>,
    pub(crate) claims: Map<String, Value>,
}

fn decoded(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&decoded(part)?).ok()
}

impl<'t> Token<'t> {
    /// Takes a token apart; with or without `Bearer` before it.
    pub(crate) fn parse(text: &'t str) -> Result<Self, String> {
        let text = text.trim();
        let text = match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => text,
        };
        let malformed = || "the token is malformed".to_owned();
        if text.len() > TOKEN {
            return Err(malformed());
        }
        let (signed, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
        let (head, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let head = object(head).ok_or_else(malformed)?;
        let name = head.get("alg").and_then(Value::as_str).unwrap_or_default();
        let algorithm = match name {
            "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
            "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
            "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
            other => {
                let shown: String = other.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
                return Err(format!("signing method {shown} is invalid"));
            }
        };
        Ok(Self {
            signed,
            signature: decoded(signature).ok_or_else(malformed)?,
            algorithm,
            kid: head.get("kid").and_then(Value::as_str).map(str::to_owned),
            claims: object(claims).ok_or_else(malformed)?,
        })
    }

    /// Whether one of these keys signed it.
    pub(crate) fn is_signed(&self, keys: &[Key]) -> bool {
        let fits = |key: &&Key| key.kty == "RSA" && (self.kid.is_none() || key.kid == self.kid);
        keys.iter().filter(fits).any(|key| {
            let (Some(n), Some(e)) = (decoded(&key.n), decoded(&key.e)) else { return false };
            let key = RsaPublicKeyComponents { n, e };
            key.verify(self.algorithm, self.signed.as_bytes(), &self.signature).is_ok()
        })
    }

    /// Whether it is for us, and now.
    pub(crate) fn check(&self, issuer: &str, audience: &[String], now: Timestamp) -> Result<(), String> {
        let text = |name: &str| self.claims.get(name).and_then(Value::as_str);
        #[allow(clippy::cast_precision_loss)] // seconds
        let seconds = now.seconds() as f64;
        let moment = |name: &str| self.claims.get(name).map(|value| value.as_f64().unwrap_or(f64::NAN));
        if text("iss") != Some(issuer) {
            return Err("issuer (iss) claim in token is invalid".to_owned());
        }
        let known = |one: &str| audience.iter().any(|known| known == one);
        // Without an audience the client counts.
        let meant = match self.claims.get("aud") {
            Some(Value::String(one)) => known(one),
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).any(known),
            Some(_) => false,
            None => text("client_id").is_some_and(known),
        };
        if !meant {
            return Err("the token has an invalid audience".to_owned());
        }
        if !moment("exp").is_some_and(|exp| exp > seconds) {
            return Err("the token has expired".to_owned());
        }
        if moment("nbf").is_some_and(|nbf| nbf.is_nan() || nbf > seconds) {
            return Err("the token is not valid yet".to_owned());
        }
        if moment("iat").is_some_and(|iat| iat.is_nan() || iat > seconds + 60.0) {
            return Err("the token was issued in the future".to_owned());
        }
        Ok(())
    }

    /// Its scopes.
    pub(crate) fn scopes(&self) -> Vec<String> {
        let claim = self.claims.get("scope").or_else(|| self.claims.get("scp"));
        match claim {
            Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }
}

/// Claims as events hold them: every one is a text, lists and maps in the form AWS writes them in.
pub(crate) fn texts(claims: &Map<String, Value>) -> Map<String, Value> {
    claims.iter().map(|(name, value)| (name.clone(), text(value).into())).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => format!("[{}]", all.iter().map(text).collect::<Vec<_>>().join(" ")),
        Value::Object(all) => {
            let pairs: Vec<_> = all.iter().map(|(name, value)| format!("{name}:{}", text(value))).collect();
            format!("map[{}]", pairs.join(" "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(head: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.AAAA", part(head), part(claims))
    }

    #[test]
    fn claims_are_judged() {
        let good =
            json!({"iss": "https://i", "aud": ["a", "b"], "exp": 200, "nbf": 50, "iat": 50, "scope": "x y"});
        let check = |change: Value| {
            let mut claims = good.clone();
            claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            let text = token(&json!({"alg": "RS256", "kid": "k"}), &claims);
            let text = format!("Bearer {text}");
            let token = Token::parse(&text).unwrap();
            assert!(!token.is_signed(&[Key { kid: Some("k".into()), kty: "RSA".into(), ..Key::default() }]));
            token.check("https://i", &["b".to_owned()], Timestamp(100_000))
        };
        assert_eq!(check(json!({})), Ok(()));
        assert_eq!(check(json!({"aud": null, "client_id": "b"})), Ok(()));
        for bad in [
            json!({"iss": "https://other"}),
            json!({"aud": "c"}),
            json!({"aud": null}),
            json!({"exp": 100}),
            json!({"exp": null}),
            json!({"exp": "x"}),
            json!({"nbf": 101}),
            json!({"iat": 1_000}),
        ] {
            assert!(check(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn other_algorithms_are_refused() {
        for name in ["none", "HS256", "ES256", ""] {
            assert!(Token::parse(&token(&json!({"alg": name}), &json!({}))).is_err(), "{name}");
        }
        for bad in ["", "a", "a.b", "a.b.c", "..."] {
            assert!(Token::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn claims_become_texts() {
        let claims = json!({"n": 7, "b": true, "l": ["a", "b"], "m": {"k": "v"}});
        assert_eq!(
            Value::Object(texts(claims.as_object().unwrap())),
            json!({"n": "7", "b": "true", "l": "[a b]", "m": "map[k:v]"})
        );
    }
}
