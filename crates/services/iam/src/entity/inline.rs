//! Policies of an entity's own.

use moln_kernel::{ApiError, Context, encoding::percent_encode};

use super::refuse_linked;
use crate::{
    Iam, documents, errors,
    limits::{GROUP_INLINE_CHARS, ROLE_INLINE_CHARS, USER_INLINE_CHARS},
    tables::Kind,
};

impl Iam {
    /// Writes a policy of an entity.
    pub(crate) async fn put_inline(
        &self,
        ctx: &Context,
        kind: Kind,
        entity: &str,
        policy: String,
        document: String,
    ) -> Result<(), ApiError> {
        self.change_entity(ctx, kind, entity, |_, row| {
            refuse_linked(row)?;
            documents::check_identity(&document, false)?;
            row.inline.insert(policy, document);
            let limit = match kind {
                Kind::User => USER_INLINE_CHARS,
                Kind::Group => GROUP_INLINE_CHARS,
                _ => ROLE_INLINE_CHARS,
            };
            let chars: usize = row.inline.values().map(|document| documents::chars(document)).sum();
            if chars > limit {
                let words =
                    format!("Maximum policy size of {limit} bytes exceeded for {} {}", kind.word(), row.name);
                return Err(errors::limit_exceeded(words));
            }
            Ok(())
        })
        .await
    }

    /// The entity's name as it is written, and the document.
    pub(crate) fn get_inline(
        &self,
        ctx: &Context,
        kind: Kind,
        entity: &str,
        policy: &str,
    ) -> Result<(String, String), ApiError> {
        self.look(ctx, |view| {
            let row = view.get(kind, entity)?;
            match row.inline.get(policy) {
                Some(document) => Ok((row.name, percent_encode(document))),
                None => Err(no_such_inline(kind, policy)),
            }
        })
    }

    /// Takes a policy of an entity away.
    pub(crate) async fn delete_inline(
        &self,
        ctx: &Context,
        kind: Kind,
        entity: &str,
        policy: &str,
    ) -> Result<(), ApiError> {
        self.change_entity(ctx, kind, entity, |_, row| {
            refuse_linked(row)?;
            row.inline.remove(policy).map(drop).ok_or_else(|| no_such_inline(kind, policy))
        })
        .await
    }

    /// Their names.
    pub(crate) fn list_inline(
        &self,
        ctx: &Context,
        kind: Kind,
        entity: &str,
    ) -> Result<Vec<String>, ApiError> {
        self.look(ctx, |view| {
            let mut names: Vec<String> = view.get(kind, entity)?.inline.into_keys().collect();
            names.sort_by_key(|name| crate::core::folded(name));
            Ok(names)
        })
    }
}

fn no_such_inline(kind: Kind, policy: &str) -> ApiError {
    errors::no_such(format!("The {} policy with name {policy} cannot be found.", kind.word()))
}
