//! One change of an API: decided on a copy, written in one commit, then seen by requests.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{ApiError, Context, Timestamp, ids};
use moln_store::{Batch, KeyRange};

use super::{Definition, Deployed, Entity, Entry};
use crate::{
    Apis, errors, limits,
    model::{Api_ as Api, Deployment, Stage},
    recast,
    serve::Plan,
    tables::{API, DEPLOYMENT, PARTS, Part, PartKey, STAGE},
};

/// Description of deployments that nobody asked for.
const AUTOMATIC: &str = "Automatic deployment triggered by changes to the Api configuration";

/// A copy of an API that is being changed.
pub(crate) struct Draft {
    /// The copy. Its definition is in `definition`.
    pub(crate) entry: Entry,
    pub(crate) definition: Definition,
    pub(crate) now: Timestamp,
    batch: Batch,
    /// The definition was changed.
    changed: bool,
    gone: bool,
}

/// Small letters and digits, as AWS's ids are made of.
pub(crate) fn id(length: usize) -> String {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut bits = ids::unique();
    let mut id = String::with_capacity(length);
    for _ in 0..length {
        let at = usize::try_from(bits % 36).unwrap_or_default();
        bits /= 36;
        id.extend(LETTERS.get(at).map(|letter| char::from(*letter)));
    }
    id
}

impl Draft {
    pub(crate) fn new(entry: &Entry, now: Timestamp) -> Self {
        let definition = (*entry.definition).clone();
        Self { entry: entry.clone(), definition, now, batch: Batch::default(), changed: false, gone: false }
    }

    fn key(&self, kind: &str, id: &str) -> PartKey {
        let place = (self.entry.account.to_string(), self.entry.region.to_string());
        (place, self.entry.id.to_string(), (kind.to_owned(), id.to_owned()))
    }

    fn write(&mut self, kind: &str, id: &str, json: String) -> Result<(), ApiError> {
        let key = self.key(kind, id);
        PARTS.put(&mut self.batch, &key, &Part { json }).map_err(|why| errors::unread(&why))
    }

    fn erase(&mut self, kind: &str, id: &str) {
        let key = self.key(kind, id);
        PARTS.delete(&mut self.batch, &key);
    }

    /// A part that is there.
    pub(crate) fn get<E: Entity>(&self, id: &str) -> Result<Arc<E>, ApiError> {
        E::rows(&self.definition).get(id).cloned().ok_or_else(|| errors::no_such(E::NAME))
    }

    /// An id nobody has.
    pub(crate) fn new_id<E: Entity>(&self) -> Result<String, ApiError> {
        let rows = E::rows(&self.definition);
        self.room_for::<E>()?;
        loop {
            let id = id(7);
            if !rows.keys().any(|known| known.ends_with(&id)) {
                return Ok(id);
            }
        }
    }

    /// The id that is wished, whether its part is there or not, or a new one.
    pub(crate) fn id_or_new<E: Entity>(&self, at: Option<&str>) -> Result<String, ApiError> {
        let Some(id) = at else { return self.new_id::<E>() };
        if !E::rows(&self.definition).contains_key(id) {
            self.room_for::<E>()?;
        }
        Ok(id.to_owned())
    }

    fn room_for<E: Entity>(&self) -> Result<(), ApiError> {
        let count = E::rows(&self.definition).len();
        if count >= E::MOST { Err(errors::limit(E::NAME, E::MOST)) } else { Ok(()) }
    }

    /// Adds or changes a part.
    pub(crate) fn put<E: Entity>(&mut self, id: &str, part: &E) -> Result<(), ApiError> {
        self.write(E::KIND, id, recast::json(part))?;
        E::rows_mut(&mut self.definition).insert(id.to_owned(), Arc::new(part.clone()));
        self.changed = true;
        Ok(())
    }

    /// Removes a part that is there.
    pub(crate) fn remove<E: Entity>(&mut self, id: &str) -> Result<(), ApiError> {
        if E::rows_mut(&mut self.definition).remove(id).is_none() {
            return Err(errors::no_such(E::NAME));
        }
        self.erase(E::KIND, id);
        self.changed = true;
        Ok(())
    }

    /// Changes the API itself.
    pub(crate) fn put_api(&mut self, api: Api) -> Result<(), ApiError> {
        self.write(API, "", recast::json(&api))?;
        // Tags are no part of what is deployed.
        let untagged = |api: &Api| recast::json(&Api { tags: None, ..api.clone() });
        self.changed |= untagged(&self.definition.api) != untagged(&api);
        self.definition.api = Arc::new(api);
        Ok(())
    }

    /// Removes the API with everything in it.
    pub(crate) fn remove_api(&mut self) {
        let place = (self.entry.account.to_string(), self.entry.region.to_string());
        self.batch.delete_range(PARTS.within(&(place, self.entry.id.to_string())));
        self.gone = true;
    }

    /// A stage that is there.
    pub(crate) fn stage(&self, name: &str) -> Result<Arc<Stage>, ApiError> {
        self.entry.stages.get(name).cloned().ok_or_else(|| errors::no_such("stage"))
    }

    /// Adds or changes a stage. One that is not deployed by itself serves its deployment as it is now.
    pub(crate) fn put_stage(&mut self, mut stage: Stage) -> Result<(), ApiError> {
        let name = stage.stage_name.clone();
        stage.last_updated_date = Some(self.now);
        let before = self.entry.stages.get(&name).and_then(|before| before.auto_deploy);
        if stage.auto_deploy == Some(true) {
            self.changed |= before != Some(true);
        } else if let Some(id) = &stage.deployment_id {
            self.freeze(&id.clone())?;
        }
        self.write(STAGE, &name, recast::json(&stage))?;
        self.entry.stages.insert(name, Arc::new(stage));
        Ok(())
    }

    /// Removes a stage that is there.
    pub(crate) fn remove_stage(&mut self, name: &str) -> Result<(), ApiError> {
        let stage = self.stage(name)?;
        self.entry.stages.remove(name);
        self.erase(STAGE, name);
        if let Some(id) = &stage.deployment_id {
            self.forget_automatic(id);
        }
        Ok(())
    }

    /// A deployment of what is current now, under an id that is wished or a new one.
    pub(crate) fn deploy(
        &mut self,
        description: Option<String>,
        at: Option<&str>,
    ) -> Result<Arc<Deployment>, ApiError> {
        if self.entry.deployments.len() >= limits::DEPLOYMENTS {
            return Err(errors::limit("Deployment", limits::DEPLOYMENTS));
        }
        let id = self.add_deployment(at.map_or_else(|| id(6), str::to_owned), description, false)?;
        self.freeze(&id)?;
        self.deployment(&id)
    }

    /// A deployment that is there.
    pub(crate) fn deployment(&self, id: &str) -> Result<Arc<Deployment>, ApiError> {
        let found = self.entry.deployments.get(id);
        found.map(|found| Arc::clone(&found.deployment)).ok_or_else(|| errors::no_such("deployment"))
    }

    /// Changes a deployment's description.
    pub(crate) fn put_deployment(&mut self, id: &str, deployment: Deployment) -> Result<(), ApiError> {
        self.write(DEPLOYMENT, id, recast::json(&deployment))?;
        if let Some(deployed) = self.entry.deployments.get_mut(id) {
            deployed.deployment = Arc::new(deployment);
        }
        Ok(())
    }

    /// Removes a deployment that no stage serves.
    pub(crate) fn remove_deployment(&mut self, id: &str) -> Result<(), ApiError> {
        self.deployment(id)?;
        if self.entry.stages.values().any(|stage| stage.deployment_id.as_deref() == Some(id)) {
            return Err(errors::bad_request(
                "Active stages pointing to this deployment must be moved or deleted",
            ));
        }
        self.forget_deployment(id);
        Ok(())
    }

    fn add_deployment(
        &mut self,
        id: String,
        description: Option<String>,
        automatic: bool,
    ) -> Result<String, ApiError> {
        let deployment = Deployment {
            auto_deployed: Some(automatic),
            created_date: Some(self.now),
            deployment_id: Some(id.clone()),
            deployment_status: Some("DEPLOYED".to_owned()),
            deployment_status_message: None,
            description,
        };
        self.write(DEPLOYMENT, &id, recast::json(&deployment))?;
        let deployed = Deployed { deployment: Arc::new(deployment), frozen: None };
        self.entry.deployments.insert(id.clone(), deployed);
        Ok(id)
    }

    /// From now on a deployment is what it is now.
    fn freeze(&mut self, deployment: &str) -> Result<(), ApiError> {
        let Some(found) = self.entry.deployments.get_mut(deployment) else {
            return Err(errors::no_such("deployment"));
        };
        if found.frozen.is_some() {
            return Ok(());
        }
        let definition = Arc::new(self.definition.clone());
        found.frozen = Some(Arc::clone(&definition));
        for (kind, id, json) in definition.parts() {
            self.write(&format!("{deployment}:{kind}"), id, json)?;
        }
        Ok(())
    }

    fn forget_deployment(&mut self, id: &str) {
        if let Some(Deployed { frozen: Some(definition), .. }) = self.entry.deployments.remove(id) {
            for (kind, part, _) in definition.parts() {
                self.erase(&format!("{id}:{kind}"), part);
            }
        }
        self.erase(DEPLOYMENT, id);
    }

    /// A deployment that was made by itself ends with the last stage that serves it.
    fn forget_automatic(&mut self, id: &str) {
        let automatic = self
            .entry
            .deployments
            .get(id)
            .is_some_and(|known| known.deployment.auto_deployed == Some(true) && known.frozen.is_none());
        if automatic && !self.entry.stages.values().any(|stage| stage.deployment_id.as_deref() == Some(id)) {
            self.forget_deployment(id);
        }
    }

    /// Stages that are deployed by themselves get a deployment of what was changed: one for all of them.
    fn settle(&mut self) -> Result<(), ApiError> {
        let automatic = |stage: &&Arc<Stage>| stage.auto_deploy == Some(true);
        if !self.changed || self.gone || !self.entry.stages.values().any(|stage| automatic(&stage)) {
            return Ok(());
        }
        let new = self.add_deployment(id(6), Some(AUTOMATIC.to_owned()), true)?;
        let stages: Vec<_> = self.entry.stages.values().filter(automatic).cloned().collect();
        for stage in stages {
            let mut stage = (*stage).clone();
            let old = stage.deployment_id.replace(new.clone());
            stage.last_deployment_status_message =
                Some(format!("Successfully deployed stage with deployment ID '{new}'"));
            stage.last_updated_date = Some(self.now);
            self.write(STAGE, &stage.stage_name, recast::json(&stage))?;
            self.entry.stages.insert(stage.stage_name.clone(), Arc::new(stage));
            if let Some(old) = old {
                self.forget_automatic(&old);
            }
        }
        Ok(())
    }

    /// Commits, then shows the new state. The caller holds the lock of changes.
    pub(crate) async fn finish(mut self, apis: &Apis) -> Result<(), ApiError> {
        self.settle()?;
        if self.batch.is_empty() {
            return Ok(());
        }
        apis.store.commit(std::mem::take(&mut self.batch)).await.map_err(|why| errors::refused(&why))?;
        let mut registry = apis.registry_mut();
        let id = Arc::clone(&self.entry.id);
        if self.gone {
            registry.apis.remove(&id);
            return Ok(());
        }
        let before = registry.apis.get(&id).cloned();
        self.entry.definition = Arc::new(self.definition);
        self.entry.plans = Plan::all(&self.entry, before.as_deref());
        registry.apis.insert(id, Arc::new(self.entry));
        Ok(())
    }
}

impl Apis {
    /// An API of the caller's.
    pub(crate) fn entry(&self, ctx: &Context, id: &str) -> Result<Arc<Entry>, ApiError> {
        let found = self.registry().apis.get(id).cloned().filter(|entry| entry.belongs(ctx));
        found.ok_or_else(|| errors::no_api(ctx, id))
    }

    /// Changes an API, alone; durable once it resolves.
    pub(crate) async fn change<T: Send>(
        &self,
        ctx: &Context,
        id: &str,
        change: impl FnOnce(&mut Draft) -> Result<T, ApiError> + Send,
    ) -> Result<T, ApiError> {
        let _alone = self.changing.lock().await;
        let mut draft = Draft::new(&*self.entry(ctx, id)?, self.clock.now());
        let result = change(&mut draft)?;
        draft.finish(self).await?;
        Ok(result)
    }

    /// Makes an API, alone, under an id that nobody has: the one that is wished, or a new one. Durable once it resolves.
    pub(crate) async fn make<T: Send>(
        &self,
        ctx: &Context,
        at: Option<&str>,
        make: impl FnOnce(&mut Draft) -> Result<T, ApiError> + Send,
    ) -> Result<T, ApiError> {
        let _alone = self.changing.lock().await;
        let id: Arc<str> = {
            let registry = self.registry();
            if registry.apis.values().filter(|entry| entry.belongs(ctx)).count() >= limits::APIS {
                return Err(errors::limit("API", limits::APIS));
            }
            at.map(str::to_owned)
                .into_iter()
                .chain(std::iter::repeat_with(|| id(10)))
                .find(|id| !registry.apis.contains_key(id.as_str()))
                .unwrap_or_default()
                .into()
        };
        let entry = Entry {
            account: ctx.account.clone(),
            region: ctx.region.clone(),
            id,
            definition: Arc::default(),
            stages: BTreeMap::new(),
            deployments: BTreeMap::new(),
            plans: BTreeMap::new(),
        };
        let mut draft = Draft::new(&entry, self.clock.now());
        let result = make(&mut draft)?;
        draft.finish(self).await?;
        Ok(result)
    }

    /// Writes rows of a home that is no API, alone with others of its kind. The caller holds the lock of changes.
    pub(crate) async fn commit(&self, batch: Batch) -> Result<(), ApiError> {
        self.store.commit(batch).await.map(drop).map_err(|why| errors::refused(&why))
    }

    /// The rows of a home.
    pub(crate) fn home(ctx: &Context, home: &str) -> KeyRange {
        PARTS.within(&((ctx.account.to_string(), ctx.region.to_string()), home.to_owned()))
    }
}
