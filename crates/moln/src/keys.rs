//! Root keys from the configuration.

use std::{collections::HashMap, fs, path::Path, sync::Arc};

use moln_kernel::{
    AccountId, Caller, Principal,
    ports::{Credential, Credentials},
};

use crate::failure::Failure;

/// Access keys that are the root of an account.
#[derive(Default)]
pub(crate) struct RootKeys(HashMap<String, Credential>);

impl RootKeys {
    /// Adds a key.
    pub(crate) fn add(&mut self, id: &str, secret: &str, account: &AccountId) -> Result<(), Failure> {
        let bad = || {
            Failure::usage("an access key is malformed.")
                .next("The id has 3 to 128 letters and digits, the secret at least 8 characters.")
        };
        let fine_id =
            (3..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !fine_id || secret.len() < 8 {
            return Err(bad());
        }
        // Twelve digits as key id mean that account, with a secret or without.
        let account = AccountId::parse(id).unwrap_or_else(|| account.clone());
        let credential = Credential {
            secret: Arc::from(secret),
            session_token: None,
            caller: Arc::new(Caller {
                access_key_id: id.into(),
                user_id: account.as_str().into(),
                session: None,
            }),
            expires: None,
            principal: Principal::Account(account.clone()),
            account,
        };
        self.0.insert(id.to_owned(), credential);
        Ok(())
    }

    /// Adds every line of a file; empty lines and those after `#` are skipped.
    pub(crate) fn add_file(&mut self, path: &Path, account: &AccountId) -> Result<(), Failure> {
        let text = fs::read_to_string(path).map_err(|why| {
            Failure::usage(format!("cannot read the access keys in {}: {why}", path.display()))
        })?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines {
            let (id, secret) = line.split_once(':').ok_or_else(|| {
                Failure::usage(format!("a line of {} is not of the form ID:SECRET.", path.display()))
            })?;
            self.add(id, secret, account)?;
        }
        Ok(())
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Credentials for RootKeys {
    fn find(&self, access_key_id: &str) -> Option<Credential> {
        self.0.get(access_key_id).cloned()
    }
}

/// Every place where keys are kept; the first that knows one has it.
pub(crate) struct Keyring(pub(crate) Vec<Arc<dyn Credentials>>);

impl Credentials for Keyring {
    fn find(&self, access_key_id: &str) -> Option<Credential> {
        self.0.iter().find_map(|keys| keys.find(access_key_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_bad_ones_refused() {
        let account = AccountId::from("000000000000");
        let mut keys = RootKeys::default();
        keys.add("AKIAEXAMPLE", "wJalrXUtn/FEMI:K7", &account).unwrap();
        keys.add("123456789012", "longenough", &account).unwrap();
        assert_eq!(&*keys.find("AKIAEXAMPLE").unwrap().secret, "wJalrXUtn/FEMI:K7");
        assert_eq!(keys.find("123456789012").unwrap().account.as_str(), "123456789012");
        for (id, secret) in [("", "12345678"), ("AKIA", "short"), ("a b", "12345678")] {
            assert!(keys.add(id, secret, &account).is_err(), "{id}");
        }
    }
}
