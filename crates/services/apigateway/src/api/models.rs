//! Models: kept, told, and named by routes.

use std::sync::Arc;

use moln_kernel::{ApiError, Context};
use moln_wire::Shape;

use crate::{
    Apis, errors,
    model::{CreateModelRequest, Model, UpdateModelRequest},
    recast::{amended, recast},
    state::Draft,
};

impl Apis {
    pub(crate) async fn add_model<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: CreateModelRequest,
        at: Option<&str>,
    ) -> Result<O, ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            let mut model: Model = recast(&input)?;
            model.content_type.get_or_insert_with(|| "application/json".to_owned());
            check(draft, &model, at)?;
            let id = draft.id_or_new::<Model>(at)?;
            model.model_id = Some(id.clone());
            draft.put(&id, &model)?;
            recast(&model)
        })
        .await
    }

    pub(crate) async fn remove_model(&self, ctx: &Context, api: &str, id: &str) -> Result<(), ApiError> {
        self.remove_part::<Model>(ctx, api, id).await
    }

    pub(crate) async fn amend_model<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: UpdateModelRequest,
    ) -> Result<O, ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            let before: Arc<Model> = draft.get(&input.model_id)?;
            let model = amended(&*before, &input)?;
            check(draft, &model, Some(&input.model_id))?;
            draft.put(&input.model_id, &model)?;
            recast(&model)
        })
        .await
    }
}

fn check(draft: &Draft, model: &Model, own: Option<&str>) -> Result<(), ApiError> {
    if draft.definition.api.protocol_type != "WEBSOCKET" {
        return Err(errors::bad_request("Models are supported only for WEBSOCKET protocol type"));
    }
    if model.name.is_empty() || !model.name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(errors::bad_request("Model name must be alphanumeric"));
    }
    let mut others = draft.definition.models.iter().filter(|(id, _)| own != Some(id.as_str()));
    if others.any(|(_, other)| other.name == model.name) {
        return Err(errors::conflict(format!("Model name already exists for this API: {}", model.name)));
    }
    let schema = model.schema.as_deref().unwrap_or_default();
    let object = serde_json::from_str::<serde_json::Value>(schema).is_ok_and(|schema| schema.is_object());
    if !object && !schema.is_empty() {
        return Err(errors::bad_request(format!("Model schema of {} is not valid JSON", model.name)));
    }
    Ok(())
}
