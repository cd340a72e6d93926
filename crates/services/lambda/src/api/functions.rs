//! Functions: made, told, listed, deleted.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{ApiError, Context, ids};
use moln_store::Batch;

use super::{
    archive::{Source, images},
    configuration as config,
    describe::{self, Detail},
    finding::revision_id,
};
use crate::{
    Lambda, errors, model as m, names,
    state::{Address, Facts, Version},
    tables::{FunctionRow, LastUpdate, LoggingRow, State, VersionRow},
};

impl Lambda {
    #[allow(clippy::too_many_lines, reason = "one row, member by member")]
    pub(super) async fn create(
        &self,
        ctx: &Context,
        input: m::CreateFunctionRequest,
    ) -> Result<m::FunctionConfiguration, ApiError> {
        let parts = names::split(&input.function_name);
        let address = Self::own_address(ctx, &input.function_name)?;
        if address.name.len() > crate::limits::NAME {
            return Err(errors::invalid_parameter(format!(
                "1 validation error detected: Value '{}' at 'functionName' failed to satisfy constraint: Member must have \
                 length less than or equal to {}",
                parts.name,
                crate::limits::NAME
            )));
        }
        config::refuse_unbuilt(&[
            (input.durable_config.is_some(), "durable functions (DurableConfig)"),
            (input.capacity_provider_config.is_some(), "capacity providers (CapacityProviderConfig)"),
            (input.tenancy_config.is_some(), "tenant isolation (TenancyConfig)"),
            (input.accelerator_config.is_some(), "accelerators (AcceleratorConfig)"),
            (input.code_signing_config_arn.is_some(), "code signing (CodeSigningConfigArn)"),
            (input.runtime_config.is_some(), "runtimes by ARN (RuntimeConfig)"),
        ])?;
        if input.package_type.as_deref() == Some("Image") || input.image_config.is_some() {
            return Err(images());
        }
        let Some(runtime) = input.runtime.as_deref() else {
            return Err(errors::invalid_parameter(
                "Runtime is mandatory if the deployment package is a .zip file archive.",
            ));
        };
        config::runtime(runtime)?;
        let Some(handler) = input.handler.clone() else {
            return Err(errors::invalid_parameter(
                "Handler is mandatory if the deployment package is a .zip file archive.",
            ));
        };
        if self.registry.find(&address).is_some() {
            return Err(exists(&address));
        }
        let tags = input.tags.clone().unwrap_or_default();
        super::tags::check(&BTreeMap::new(), &tags)?;
        let now = self.clock.now().millis();
        let taken = self
            .take_code(
                ctx,
                Source {
                    zip: input.code.zip_file.clone(),
                    bucket: input.code.s3_bucket.clone(),
                    key: input.code.s3_key.clone(),
                    version: input.code.s3_object_version.clone(),
                    image: input.code.image_uri.clone(),
                },
            )
            .await?;
        let logging = LoggingRow { group: format!("/aws/lambda/{}", address.name), ..LoggingRow::default() };
        let latest = VersionRow {
            number: 0,
            revision_id: revision_id(),
            generation: revision_id(),
            modified: now,
            description: input.description.clone().unwrap_or_default(),
            role: input.role.clone(),
            runtime: runtime.to_owned(),
            handler,
            code: taken.row.clone(),
            timeout: config::timeout(input.timeout, 3)?,
            memory_mb: unsigned(input.memory_size, 128),
            tmp_mb: unsigned(input.ephemeral_storage.as_ref().map(|storage| storage.size), 512),
            architecture: architecture(input.architectures.as_deref()),
            environment: config::environment(input.environment)?,
            layers: self.use_layers(ctx, input.layers.as_deref().unwrap_or_default())?,
            dead_letter: input.dead_letter_config.map(config::dead_letter).transpose()?.flatten(),
            tracing: input.tracing_config.is_some_and(|tracing| tracing.mode.as_deref() == Some("Active")),
            kms_key: input.kms_key_arn.clone().filter(|key| !key.is_empty()),
            logging: config::logging(&logging, input.logging_config)?,
            vpc: input.vpc_config.map(|vpc| config::network(None, vpc)),
            file_systems: config::file_systems(input.file_system_configs.unwrap_or_default()),
            snap_start: config::snap_start(input.snap_start.as_ref(), runtime)?.unwrap_or(false),
            state: State::Pending,
            state_reason: Some(("Creating".into(), "The function is being created.".into())),
            last_update: LastUpdate::Successful,
            ..VersionRow::default()
        };
        let publish = input.publish.unwrap_or(false);
        let mut facts = Facts {
            function: Arc::new(FunctionRow {
                id: ids::Uuid::random().to_string(),
                created: now,
                next_version: if publish { 2 } else { 1 },
                tags,
                ..FunctionRow::default()
            }),
            ..Facts::default()
        };
        let mut told = describe::version(&address, &latest, None, Detail::Full);
        if publish {
            let row = VersionRow { number: 1, revision_id: revision_id(), ..latest.clone() };
            told.version = Some("1".to_owned());
            told.revision_id = Some(row.revision_id.clone());
            facts.versions.insert(1, Arc::new(Version::from(row)));
        }
        facts.versions.insert(0, Arc::new(Version::from(latest)));

        let change = self.registry.change(&address).await;
        if change.before.is_some() {
            return Err(exists(&address));
        }
        change.commit(Batch::default(), Some(facts)).await?;
        drop(taken);
        self.settle(&address);
        Ok(told)
    }

    /// An address under which the caller may make something: its own account's.
    fn own_address(ctx: &Context, name: &str) -> Result<Address, ApiError> {
        let parts = names::split(name);
        if parts.region.is_some_and(|region| region != ctx.region.as_str()) {
            return Err(errors::not_found(format!(
                "Functions from '{}' are not reachable in this region ('{}')",
                parts.region.unwrap_or_default(),
                ctx.region
            )));
        }
        if parts.account.is_some_and(|account| account != ctx.account.as_str()) {
            return Err(errors::access_denied("Cross-account pass role is not allowed.".to_owned()));
        }
        names::bare(&ctx.account, &ctx.region, name)
    }

    pub(super) fn get(
        &self,
        ctx: &Context,
        input: &m::GetFunctionRequest,
    ) -> Result<m::GetFunctionResponse, ApiError> {
        let target =
            self.resolve(&ctx.account, &ctx.region, &input.function_name, input.qualifier.as_deref())?;
        let row = &target.version.row;
        let address = &target.function.address;
        let tags = target.facts.function.tags.clone();
        Ok(m::GetFunctionResponse {
            configuration: Some(describe::version(address, row, target.qualifier.as_deref(), Detail::Full)),
            code: Some(m::FunctionCodeLocation {
                repository_type: Some("S3".to_owned()),
                location: self.location(ctx, &row.code),
                ..m::FunctionCodeLocation::default()
            }),
            tags: (!tags.is_empty()).then_some(tags),
            concurrency: target.facts.function.reserved.map(|reserved| m::Concurrency {
                reserved_concurrent_executions: i32::try_from(reserved).ok(),
            }),
            tags_error: None,
        })
    }

    pub(super) fn configuration(
        &self,
        ctx: &Context,
        input: &m::GetFunctionConfigurationRequest,
    ) -> Result<m::FunctionConfiguration, ApiError> {
        let target =
            self.resolve(&ctx.account, &ctx.region, &input.function_name, input.qualifier.as_deref())?;
        let (address, row) = (&target.function.address, &target.version.row);
        Ok(describe::version(address, row, target.qualifier.as_deref(), Detail::Full))
    }

    pub(super) async fn delete(
        &self,
        ctx: &Context,
        input: &m::DeleteFunctionRequest,
    ) -> Result<(), ApiError> {
        let named = Self::named(ctx, &input.function_name, input.qualifier.as_deref())?;
        let qualifier = named.qualifier.as_deref();
        if let Some(alias) = qualifier.filter(|q| !super::finding::is_version(q)) {
            if alias.starts_with('$') {
                return Err(errors::function_not_found(&named.address.arn(), None));
            }
            return Err(errors::invalid_parameter("Deletion of aliases is not currently supported."));
        }
        let change = self.registry.change(&named.address).await;
        let Some(before) = change.before.clone() else {
            return Err(errors::function_not_found(&named.address.arn(), None));
        };
        let Some(version) = qualifier else {
            change.commit(Batch::default(), None).await?;
            self.retire(&named.address, before.versions.values());
            return Ok(());
        };
        if version == names::LATEST {
            return Err(errors::invalid_parameter(
                "$LATEST version cannot be deleted without deleting the function.",
            ));
        }
        // One that is not there is as good as deleted.
        let Some(gone) = before.version(version).cloned() else { return Ok(()) };
        if let Some((alias, _)) = before
            .aliases
            .iter()
            .find(|(_, alias)| alias.version == version || alias.weights.contains_key(version))
        {
            return Err(errors::conflict(format!(
                "Version {version} of function {} cannot be deleted because it is referenced by alias {alias}.",
                named.address.arn()
            )));
        }
        let mut after = (*before).clone();
        after.versions.remove(&gone.row.number);
        after.policies.remove(version);
        after.invoke_configs.remove(version);
        after.provisioned.remove(version);
        change.commit(Batch::default(), Some(after)).await?;
        self.retire(&named.address, std::iter::once(&gone));
        Ok(())
    }

    pub(super) fn list(
        &self,
        ctx: &Context,
        input: &m::ListFunctionsRequest,
    ) -> Result<m::ListFunctionsResponse, ApiError> {
        let all = match input.function_version.as_deref() {
            None => false,
            Some("ALL") => true,
            Some(other) => {
                return Err(errors::validation(format!(
                    "1 validation error detected: Value '{other}' at 'functionVersion' failed to satisfy constraint: Member \
                     must satisfy enum value set: [ALL]"
                )));
            }
        };
        // Replicas exist at CloudFront's edges only.
        let none_here = input
            .master_region
            .as_deref()
            .is_some_and(|region| region != "ALL" && region != ctx.region.as_str());
        let scope =
            ["ListFunctions", ctx.account.as_str(), ctx.region.as_str(), if all { "ALL" } else { "" }];
        let after = self.after(&scope, input.marker.as_deref())?;
        // A cursor is the name and the number of the last version shown.
        let (name, number) = after.split_once(' ').unwrap_or((after.as_str(), ""));
        let (limit, number) = (crate::limits::PAGE, number.parse::<u64>().ok());
        let mut rows = Vec::new();
        if let (true, Some(function)) = (
            all && !none_here && !name.is_empty(),
            self.registry.find(&Address {
                account: ctx.account.clone(),
                region: ctx.region.clone(),
                name: name.into(),
            }),
        ) {
            let facts = function.facts();
            let rest =
                facts.versions.values().filter(|version| number.is_some_and(|n| version.row.number > n));
            rows.extend(rest.map(|version| (Arc::clone(&function), Arc::clone(version))));
        }
        let functions =
            if none_here { Vec::new() } else { self.registry.list(&ctx.account, &ctx.region, name) };
        for function in functions {
            if rows.len() > limit {
                break;
            }
            let facts = function.facts();
            let versions = facts.versions.values().take(if all { usize::MAX } else { 1 });
            rows.extend(versions.map(|version| (Arc::clone(&function), Arc::clone(version))));
        }
        let (rows, next_marker) = self.page(&scope, rows, input.max_items, limit, |(function, version)| {
            format!("{} {}", function.address.name, version.row.number)
        });
        let told = rows.iter().map(|(function, version)| {
            let qualifier = all.then(|| version.row.name());
            describe::version(&function.address, &version.row, qualifier.as_deref(), Detail::Listed)
        });
        Ok(m::ListFunctionsResponse { functions: Some(told.collect()), next_marker })
    }

    /// What does not run any more.
    pub(super) fn retire<'v>(&self, address: &Address, versions: impl Iterator<Item = &'v Arc<Version>>) {
        for version in versions {
            for provisioned in [false, true] {
                self.execute.retire(&crate::revision::id(address, &version.row, provisioned));
            }
        }
    }
}

fn exists(address: &Address) -> ApiError {
    errors::conflict(format!("Function already exist: {}", address.name))
}

/// A number the model has bounded.
pub(super) fn unsigned(value: Option<i32>, default: u32) -> u32 {
    value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default)
}

pub(super) fn architecture(given: Option<&[String]>) -> String {
    given.and_then(|list| list.first()).cloned().unwrap_or_else(|| "x86_64".to_owned())
}
