//! Keys of issuers, fetched when they are needed and kept for a while.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::Request;
use moln_kernel::Timestamp;
use serde::Deserialize;

use super::jwt::{Key, Token};
use crate::{Apis, limits};

/// What is known of issuers.
#[derive(Default)]
pub(crate) struct Issuers(Mutex<HashMap<String, Place>>);

/// Where an issuer's keys are: whoever asks for them holds it.
type Place = Arc<tokio::sync::Mutex<Option<Kept>>>;

/// An issuer's keys, and when they were fetched.
struct Kept {
    fetched: Timestamp,
    keys: Arc<Vec<Key>>,
}

#[derive(Deserialize)]
struct Configuration {
    jwks_uri: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

impl Apis {
    /// Whether an issuer's keys signed a token. Errors: the issuer cannot be asked.
    pub(super) async fn is_signed(&self, issuer: &str, token: &Token<'_>) -> Result<bool, String> {
        let place = {
            let mut all = self.issuers.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !all.contains_key(issuer) && all.len() >= limits::ISSUERS {
                all.clear();
            }
            Arc::clone(all.entry(issuer.to_owned()).or_default())
        };
        // One asks, the others wait for what it learns.
        let mut kept = place.lock().await;
        let now = self.clock.now();
        let age = kept.as_ref().map(|kept| now.since(kept.fetched));
        if let (Some(kept), Some(age)) = (&*kept, age)
            && age < limits::KEYS_FRESH
        {
            // An issuer that changes its keys is asked again, but not for every token that is wrong.
            if token.is_signed(&kept.keys) {
                return Ok(true);
            }
            let known = token.kid.is_none() || kept.keys.iter().any(|key| key.kid == token.kid);
            if known || age < limits::KEYS_RETRY {
                return Ok(false);
            }
        }
        let keys = Arc::new(self.fetch_keys(issuer).await?);
        *kept = Some(Kept { fetched: now, keys: Arc::clone(&keys) });
        Ok(token.is_signed(&keys))
    }

    async fn fetch_keys(&self, issuer: &str) -> Result<Vec<Key>, String> {
        let base = issuer.trim_end_matches('/');
        let configuration: Configuration =
            self.fetch(&format!("{base}/.well-known/openid-configuration")).await?;
        let set: KeySet = self.fetch(&configuration.jwks_uri).await?;
        Ok(set.keys)
    }

    async fn fetch<T: for<'d> Deserialize<'d>>(&self, address: &str) -> Result<T, String> {
        let request = Request::get(address).header("accept", "application/json").body(Bytes::new());
        let request = request.map_err(|_| format!("{address} is no address"))?;
        let answer = tokio::select! {
            answer = self.outbound.send(request, limits::ISSUER_DOCUMENT) => answer.map_err(|why| format!("{address}: {why}"))?,
            () = self.clock.sleep_until(self.clock.now().after(limits::ISSUER_TIMEOUT)) => {
                return Err(format!("{address} did not answer in time"));
            }
        };
        if !answer.status().is_success() {
            return Err(format!("{address} answered {}", answer.status()));
        }
        serde_json::from_slice(answer.body()).map_err(|why| format!("{address}: {why}"))
    }
}
