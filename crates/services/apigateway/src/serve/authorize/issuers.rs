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
type Place = Arc<tokio::sync::Mutex<Kept>>;

/// What an issuer said last.
#[derive(Default)]
struct Kept {
    /// Its keys, and when they were fetched.
    keys: Option<(Timestamp, Vec<Key>)>,
    /// When it could not be asked since then, and why.
    failed: Option<(Timestamp, String)>,
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
        if let Some((fetched, keys)) = &kept.keys
            && now.since(*fetched) < limits::KEYS_FRESH
        {
            // An issuer that changes its keys is asked again, but not for every token that is wrong.
            if token.is_signed(keys) {
                return Ok(true);
            }
            let known = token.kid.is_none() || keys.iter().any(|key| key.kid == token.kid);
            if known || now.since(*fetched) < limits::KEYS_RETRY {
                return Ok(false);
            }
        }
        // Those who wait must not each find out anew, one after the other, that it does not answer.
        if let Some((since, why)) = &kept.failed
            && now.since(*since) < limits::KEYS_RETRY
        {
            return Err(why.clone());
        }
        match self.fetch_keys(issuer).await {
            Ok(keys) => {
                let signed = token.is_signed(&keys);
                *kept = Kept { keys: Some((now, keys)), failed: None };
                Ok(signed)
            }
            Err(why) => {
                kept.failed = Some((now, why.clone()));
                Err(why)
            }
        }
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
