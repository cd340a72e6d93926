//! Changes of `$LATEST`.

use std::sync::Arc;

use moln_kernel::{ApiError, Context};
use moln_store::Batch;

use super::{
    archive::Source,
    configuration as config,
    describe::{self, Detail},
    finding::{check_revision, revision_id},
    functions::unsigned,
};
use crate::{
    Lambda, errors, model as m,
    state::{Address, Facts, Version},
    tables::{LastUpdate, State, VersionRow},
};

impl Lambda {
    pub(super) async fn update_code(
        &self,
        ctx: &Context,
        input: m::UpdateFunctionCodeRequest,
    ) -> Result<m::FunctionConfiguration, ApiError> {
        let found = self.look_up(ctx, &input.function_name, None)?;
        let address = found.function.address.clone();
        let taken = self
            .take_code(
                ctx,
                Source {
                    zip: input.zip_file.clone(),
                    bucket: input.s3_bucket.clone(),
                    key: input.s3_key.clone(),
                    version: input.s3_object_version.clone(),
                    image: input.image_uri.clone(),
                },
            )
            .await?;
        let revision = input.revision_id.as_deref();
        let dry = input.dry_run.unwrap_or(false);
        let change = |row: &mut VersionRow| {
            row.code = taken.row.clone();
            if let Some(architecture) = input.architectures.as_ref().and_then(|list| list.first()) {
                row.architecture.clone_from(architecture);
            }
            Ok(())
        };
        let told = self.update(&address, revision, dry, input.publish.unwrap_or(false), change).await;
        drop(taken);
        told
    }

    pub(super) async fn update_configuration(
        &self,
        ctx: &Context,
        input: m::UpdateFunctionConfigurationRequest,
    ) -> Result<m::FunctionConfiguration, ApiError> {
        let found = self.look_up(ctx, &input.function_name, None)?;
        let address = found.function.address.clone();
        config::refuse_unbuilt(&[
            (input.durable_config.is_some(), "durable functions (DurableConfig)"),
            (input.capacity_provider_config.is_some(), "capacity providers (CapacityProviderConfig)"),
            (input.accelerator_config.is_some(), "accelerators (AcceleratorConfig)"),
            (input.runtime_config.is_some(), "runtimes by ARN (RuntimeConfig)"),
        ])?;
        if let Some(image) = &input.image_config
            && (image.command.is_some() || image.entry_point.is_some() || image.working_directory.is_some())
        {
            return Err(super::archive::images());
        }
        if let Some(runtime) = &input.runtime {
            config::runtime(runtime)?;
        }
        let environment = config::environment(input.environment)?;
        let dead_letter = input.dead_letter_config.map(config::dead_letter).transpose()?;
        let layers = match &input.layers {
            Some(arns) => Some(self.use_layers(ctx, arns)?),
            None => None,
        };
        let (logging, vpc) = (input.logging_config, input.vpc_config);
        let change = |row: &mut VersionRow| {
            if let Some(runtime) = input.runtime {
                row.runtime = runtime;
            }
            if let Some(snap_start) = config::snap_start(input.snap_start.as_ref(), &row.runtime)? {
                row.snap_start = snap_start;
            }
            row.logging = config::logging(&row.logging, logging)?;
            set(&mut row.role, input.role);
            set(&mut row.handler, input.handler);
            set(&mut row.description, input.description);
            row.timeout = config::timeout(input.timeout, row.timeout)?;
            row.memory_mb = unsigned(input.memory_size, row.memory_mb);
            row.tmp_mb = unsigned(input.ephemeral_storage.map(|storage| storage.size), row.tmp_mb);
            if environment.is_some() {
                row.environment = environment;
            }
            set(&mut row.layers, layers);
            set(&mut row.dead_letter, dead_letter);
            if let Some(tracing) = input.tracing_config {
                row.tracing = tracing.mode.as_deref() == Some("Active");
            }
            if let Some(key) = input.kms_key_arn {
                row.kms_key = Some(key).filter(|key| !key.is_empty());
            }
            if let Some(vpc) = vpc {
                row.vpc = Some(config::network(row.vpc.as_ref(), vpc));
            }
            if let Some(systems) = input.file_system_configs {
                row.file_systems = config::file_systems(systems);
            }
            Ok(())
        };
        self.update(&address, input.revision_id.as_deref(), false, false, change).await
    }

    /// Changes `$LATEST`, publishes it when asked to.
    async fn update(
        &self,
        address: &Address,
        revision: Option<&str>,
        dry: bool,
        publish: bool,
        edit: impl FnOnce(&mut VersionRow) -> Result<(), ApiError>,
    ) -> Result<m::FunctionConfiguration, ApiError> {
        let change = self.registry.change(address).await;
        let missing = || errors::function_not_found(&address.arn(), None);
        let before = change.before.clone().ok_or_else(missing)?;
        let latest = before.latest().cloned().ok_or_else(missing)?;
        check_revision(revision, &latest.row.revision_id)?;
        if latest.row.state == State::Pending {
            return Err(errors::conflict(
                "The operation cannot be performed at this time. The function is currently in the following state: Pending",
            ));
        }
        if latest.row.last_update == LastUpdate::InProgress && !dry {
            return Err(errors::conflict(format!(
                "The operation cannot be performed at this time. An update is in progress for resource: {}",
                address.arn()
            )));
        }
        let mut row = latest.row.clone();
        edit(&mut row)?;
        row.revision_id = revision_id();
        row.generation = revision_id();
        row.modified = self.clock.now().millis();
        if dry {
            return Ok(describe::version(address, &row, None, Detail::Full));
        }
        let mut after: Facts = (*before).clone();
        let mut told = None;
        if publish {
            (row.last_update, row.last_update_reason) = (LastUpdate::Successful, None);
            let published = super::versions::publish(&mut after, &row, None);
            told = Some(describe::version(address, &published, Some(&published.name()), Detail::Full));
        }
        row.last_update = LastUpdate::InProgress;
        row.last_update_reason = Some(("Creating".into(), "The function is being created.".into()));
        let told = told.unwrap_or_else(|| describe::version(address, &row, None, Detail::Full));
        after.versions.insert(0, Arc::new(Version::from(row)));
        change.commit(Batch::default(), Some(after)).await?;
        self.retire(address, std::iter::once(&latest));
        self.settle(address);
        Ok(told)
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
