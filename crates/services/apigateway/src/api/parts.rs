//! What all parts of an API have in common: read, list, remove.

use moln_kernel::{ApiError, Context};
use moln_wire::Shape;

use super::page::Asked;
use crate::{Apis, errors, recast::recast, state::Entity};

impl Apis {
    /// One part.
    pub(crate) fn part<E: Entity, O: Shape>(
        &self,
        ctx: &Context,
        api: &str,
        id: &str,
    ) -> Result<O, ApiError> {
        let entry = self.entry(ctx, api)?;
        let found = E::rows(&entry.definition).get(id);
        recast(&**found.ok_or_else(|| errors::no_such(E::NAME))?)
    }

    /// A page of parts; `below`: of those whose ids begin so.
    pub(super) fn parts<E: Entity>(
        &self,
        ctx: &Context,
        (api, below): (&str, &str),
        asked: &Asked<'_>,
    ) -> Result<(Option<Vec<E>>, Option<String>), ApiError> {
        let entry = self.entry(ctx, api)?;
        let rows = E::rows(&entry.definition).iter().filter(|(id, _)| id.starts_with(below));
        let rows = rows.map(|(id, part)| (id.clone(), (**part).clone()));
        let (items, token) = self.page(ctx, &[E::KIND, api, below], asked, rows)?;
        Ok((Some(items), token))
    }

    /// Removes a part.
    pub(crate) async fn remove_part<E: Entity>(
        &self,
        ctx: &Context,
        api: &str,
        id: &str,
    ) -> Result<(), ApiError> {
        self.change(ctx, api, |draft| draft.remove::<E>(id)).await
    }
}
