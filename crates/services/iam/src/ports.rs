//! What the front door and other services use: users' keys, and roles.

use std::{sync::Arc, time::Duration};

use moln_kernel::{
    AccountId, ApiError, Arn, Caller, Principal,
    clock::BoxFuture,
    ports::{Credential, Credentials, RoleFacts, Roles},
};
use moln_store::StoreError;

use crate::{
    Iam,
    core::folded,
    errors::unread,
    tables::{ENTITIES, KEYS, Kind, Own},
};

impl Credentials for Iam {
    /// A user's access key that is active.
    fn find(&self, access_key_id: &str) -> Option<Credential> {
        // Any other key costs nothing.
        if !access_key_id.starts_with("AKIA") {
            return None;
        }
        self.key(access_key_id).unwrap_or_else(|error| {
            tracing::error!(%error, "an access key could not be read; it is not known now");
            None
        })
    }
}

impl Iam {
    fn key(&self, id: &str) -> Result<Option<Credential>, StoreError> {
        let snapshot = self.store.snapshot();
        let Some((key, _)) = KEYS.get(&*snapshot, &id.to_owned())? else { return Ok(None) };
        if !key.active {
            return Ok(None);
        }
        let user = ENTITIES.get(&*snapshot, &(key.account.clone(), Kind::User.number(), key.user))?;
        Ok(user.map(|(user, _)| {
            // A key knows no region: users of all partitions but the common one sign in theirs alone.
            let arn = format!("arn:aws:iam::{}:user{}{}", key.account, user.path, user.name);
            Credential {
                secret: key.secret.into(),
                session_token: None,
                account: AccountId::new(key.account),
                principal: Principal::Arn(arn.into()),
                caller: Arc::new(Caller { access_key_id: id.into(), user_id: user.id.into(), session: None }),
                expires: None,
            }
        }))
    }

    fn role_facts(&self, arn: &str) -> Result<Option<RoleFacts>, ApiError> {
        let Some(parsed) = arn.parse::<Arn>().ok().filter(|arn| arn.service() == "iam") else {
            return Ok(None);
        };
        let Some((path, name)) =
            parsed.resource().strip_prefix("role").and_then(|rest| rest.rsplit_once('/'))
        else {
            return Ok(None);
        };
        let key = (parsed.account().to_owned(), Kind::Role.number(), folded(name));
        let row = ENTITIES.get(&*self.store.snapshot(), &key).map_err(|error| unread(&error))?;
        Ok(row.and_then(|(row, _)| {
            let Own::Role { trust, max_session, .. } = row.own else { return None };
            let same = row.path.strip_suffix('/') == Some(path) && row.name == name;
            same.then(|| RoleFacts {
                arn: arn.to_owned(),
                id: row.id,
                trust,
                max_session: Duration::from_secs(max_session.into()),
            })
        }))
    }
}

impl Roles for Iam {
    fn role<'a>(&'a self, role_arn: &'a str) -> BoxFuture<'a, Result<Option<RoleFacts>, ApiError>> {
        Box::pin(std::future::ready(self.role_facts(role_arn)))
    }
}
