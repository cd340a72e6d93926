//! Making a session: keys nobody can guess, one durable commit.

use std::time::Duration;

use moln_kernel::{ApiError, Context, Session, Timestamp, ids};
use moln_store::{Batch, CommitError};

use crate::{
    Sessions,
    errors::{refused, throttled, unread},
    limits::{SESSIONS as MOST, TOKEN_CHARS},
    model::Credentials,
    tables::{ENDS, EndRow, SESSIONS, SessionRow, count},
};

/// What a session is to be.
pub(crate) struct Wanted {
    /// Whose account it is in: the role's.
    pub(crate) account: String,
    /// `None`: the account's root.
    pub(crate) principal: Option<String>,
    pub(crate) user_id: String,
    pub(crate) lasting: Duration,
    pub(crate) carries: Session,
    /// Least characters of its token.
    pub(crate) token_chars: usize,
}

impl Sessions {
    /// Makes a session that begins now. Durable once it resolves.
    pub(crate) async fn begin(&self, ctx: &Context, wanted: Wanted) -> Result<Credentials, ApiError> {
        let account = moln_kernel::AccountId::new(wanted.account.clone());
        let counter = count(&wanted.account);
        let held = self.store.snapshot().get(&counter).map_err(|error| unread(&error))?;
        let held =
            held.and_then(|(bytes, _)| bytes.as_ref().try_into().ok().map(i64::from_be_bytes)).unwrap_or(0);
        if u64::try_from(held).is_ok_and(|held| held >= MOST) {
            return Err(throttled());
        }
        let ends = ctx.now.after(wanted.lasting);
        let row = SessionRow {
            account: wanted.account,
            principal: wanted.principal,
            user_id: wanted.user_id,
            secret: ids::secret_text(40)?,
            token: ids::secret_text(wanted.token_chars.max(TOKEN_CHARS))?,
            begun: ctx.now.millis(),
            ends: ends.millis(),
            role: wanted.carries.role_arn.map(|arn| arn.to_string()),
            tags: wanted.carries.tags,
            transitive: wanted.carries.transitive,
            source_identity: wanted.carries.source_identity,
            policy: wanted.carries.policy.map(|policy| policy.to_string()),
            policy_arns: wanted.carries.policy_arns,
        };
        loop {
            let id = ids::access_key_id("ASIA", &account);
            let mut batch = Batch::default();
            let there = SESSIONS.key(&id);
            batch.absent(there);
            SESSIONS.put(&mut batch, &id, &row).map_err(|error| unread(&error))?;
            ENDS.put(&mut batch, &(row.ends, id.clone()), &EndRow::new(&row.account))
                .map_err(|error| unread(&error))?;
            batch.add(counter.clone(), 1);
            match self.store.commit(batch).await {
                Ok(_) => {
                    self.changes.send_modify(|count| *count = count.wrapping_add(1));
                    return Ok(Credentials {
                        access_key_id: id,
                        secret_access_key: row.secret,
                        session_token: row.token,
                        // Whole seconds, as clients read it.
                        expiration: Timestamp(ends.seconds() * 1_000),
                    });
                }
                // The id is taken: another one.
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(refused(&error)),
            }
        }
    }
}
