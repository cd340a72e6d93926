//! Layers and who may use them.

use moln_kernel::{ApiError, Context};
use moln_store::{Batch, Scan, Snapshot};

use super::{
    archive::Source,
    configuration::named_runtimes,
    describe::base64_of,
    finding::revision_id,
    permissions::{document, no_policy, no_statement, policy, taken},
};
use crate::{
    Lambda, errors, limits, model as m,
    state::{Address, blob, refused, unreadable},
    tables::{
        LayerRow, LayerUse, LayerVersionRow, PolicyRow, Statement, decode, encode,
        keys::{self, LAYER_VERSIONS, LAYERS},
    },
};

fn nothing() -> ApiError {
    errors::not_found("The resource you requested does not exist.")
}

/// `account, region, name, version` of a layer's ARN.
fn parse(arn: &str) -> Option<(Address, u64)> {
    let mut parts = arn.split(':').skip(3);
    let (region, account) = (parts.next()?, parts.next()?);
    let name = parts.next().filter(|kind| *kind == "layer").and_then(|_| parts.next())?;
    let version = parts.next()?.parse().ok()?;
    Some((Address { account: account.into(), region: region.into(), name: name.into() }, version))
}

impl Lambda {
    /// The layer of this name or ARN.
    fn layer_address(ctx: &Context, name: &str) -> Address {
        let parts: Vec<&str> = name.split(':').collect();
        let (account, region, name) = match parts.as_slice() {
            ["arn", _, "lambda", region, account, "layer", name, ..] => {
                (Some(*account), Some(*region), *name)
            }
            _ => (None, None, name),
        };
        Address {
            account: account.map_or_else(|| ctx.account.clone(), Into::into),
            region: region.map_or_else(|| ctx.region.clone(), Into::into),
            name: name.into(),
        }
    }

    fn layer_row(&self, address: &Address, version: u64) -> Result<Option<LayerVersionRow>, ApiError> {
        let key = keys::numbered(LAYER_VERSIONS, address, version);
        let row = self.store.snapshot().get(&key).map_err(|error| unreadable(&error))?;
        row.map(|(bytes, _)| decode(&bytes).map_err(|error| unreadable(&error))).transpose()
    }

    /// All versions of a layer, oldest first.
    fn layer_versions(&self, address: &Address) -> Result<Vec<(u64, LayerVersionRow)>, ApiError> {
        let snapshot = self.store.snapshot();
        rows(&*snapshot, keys::within(LAYER_VERSIONS, address))
            .map(|rows| rows.into_iter().map(|(_, version, row)| (version, row)).collect())
    }

    /// The layers a function is to use: there, permitted, and each of them once.
    pub(super) fn use_layers(&self, ctx: &Context, arns: &[String]) -> Result<Vec<LayerUse>, ApiError> {
        if arns.len() > limits::LAYERS {
            return Err(errors::invalid_parameter(format!(
                "Cannot reference more than {} layers.",
                limits::LAYERS
            )));
        }
        let mut used: Vec<LayerUse> = Vec::new();
        let mut seen: Vec<(Address, u64)> = Vec::new();
        for arn in arns {
            let (address, version) = parse(arn)
                .ok_or_else(|| errors::invalid_parameter(format!("Layer ARN {arn} is not valid.")))?;
            if address.region != ctx.region {
                return Err(errors::invalid_parameter(format!(
                    "Layers are not in the same region as the function. Layers are expected to be in region {}.",
                    ctx.region
                )));
            }
            let row = self.layer_row(&address, version)?;
            let row = row.filter(|row| address.account == ctx.account || shared(row, ctx));
            let Some(row) = row else {
                if address.account == ctx.account {
                    return Err(errors::invalid_parameter(format!("Layer version {arn} does not exist.")));
                }
                return Err(errors::access_denied(format!(
                    "User: arn:aws:iam::{}:root is not authorized to perform: lambda:GetLayerVersion on resource: {arn} \
                     because no resource-based policy allows the lambda:GetLayerVersion action",
                    ctx.account
                )));
            };
            if let Some((_, first)) = seen.iter().find(|(other, _)| *other == address) {
                let layer = address.arn_of("layer", &address.name);
                return Err(errors::invalid_parameter(format!(
                    "Two different versions of the same layer are not allowed to be referenced in the same function. \
                     {layer}:{first} and {layer}:{version}."
                )));
            }
            seen.push((address, version));
            used.push(LayerUse { arn: arn.clone(), code: row.code });
        }
        Ok(used)
    }

    /// Publishes a version of a layer. The same token once more gives the version that it has made.
    pub(crate) async fn new_layer(
        &self,
        ctx: &Context,
        input: m::PublishLayerVersionRequest,
        token: Option<String>,
    ) -> Result<m::PublishLayerVersionResponse, ApiError> {
        check_compatibilities(
            input.compatible_runtimes.as_deref(),
            input.compatible_architectures.as_deref(),
        )?;
        let address = Self::layer_address(ctx, &input.layer_name);
        let content = input.content;
        let taken = self
            .take_code(
                ctx,
                Source {
                    zip: content.zip_file,
                    bucket: content.s3_bucket,
                    key: content.s3_key,
                    version: content.s3_object_version,
                    image: None,
                },
            )
            .await?;
        let _one_at_a_time = self.layering.lock().await;
        if token.is_some() {
            let made = self.layer_versions(&address)?.into_iter().find(|(_, row)| row.token == token);
            if let Some((version, row)) = made {
                return Ok(published(self.tell_layer(ctx, &address, version, row)));
            }
        }
        let key = keys::one(LAYERS, &address);
        let before = self.store.snapshot().get(&key).map_err(|error| unreadable(&error))?;
        let layer: LayerRow = match before {
            Some((bytes, _)) => decode(&bytes).map_err(|error| unreadable(&error))?,
            None => LayerRow { next_version: 1 },
        };
        let version = layer.next_version;
        let row = LayerVersionRow {
            created: self.clock.now().millis(),
            code: taken.row.clone(),
            description: input.description.unwrap_or_default(),
            runtimes: input.compatible_runtimes,
            architectures: input.compatible_architectures,
            license: input.license_info,
            policy: PolicyRow::default(),
            token,
        };
        let mut batch = Batch::default();
        let version_key = keys::numbered(LAYER_VERSIONS, &address, version);
        let bad = |error: moln_store::StoreError| unreadable(&error);
        batch.put(key, encode(&LayerRow { next_version: version + 1 }).map_err(bad)?);
        if let Some(blob) = blob(&row.code) {
            batch.link(&blob, &version_key);
        }
        batch.put(version_key, encode(&row).map_err(bad)?);
        self.store.commit(batch).await.map_err(|error| refused(&error))?;
        drop(taken);
        Ok(published(self.tell_layer(ctx, &address, version, row)))
    }

    /// Bytes of all layers of an account in a region.
    pub(super) fn layers_size(&self, ctx: &Context) -> Result<u64, ApiError> {
        let snapshot = self.store.snapshot();
        let rows = rows(&*snapshot, keys::region(LAYER_VERSIONS, &ctx.account, &ctx.region))?;
        Ok(rows.iter().map(|(.., row)| row.code.size).sum())
    }

    fn tell_layer(
        &self,
        ctx: &Context,
        address: &Address,
        version: u64,
        row: LayerVersionRow,
    ) -> m::GetLayerVersionResponse {
        let arn = address.arn_of("layer", &address.name);
        m::GetLayerVersionResponse {
            content: Some(m::LayerVersionContentOutput {
                location: self.location(ctx, &row.code),
                code_sha256: Some(base64_of(&row.code.sha256)),
                code_size: i64::try_from(row.code.size).ok(),
                ..m::LayerVersionContentOutput::default()
            }),
            layer_version_arn: Some(format!("{arn}:{version}")),
            layer_arn: Some(arn),
            description: Some(row.description),
            created_date: Some(super::describe::moment(row.created)),
            version: i64::try_from(version).ok(),
            compatible_runtimes: row.runtimes,
            license_info: row.license,
            compatible_architectures: row.architectures,
        }
    }

    pub(super) fn layer(
        &self,
        ctx: &Context,
        name: &str,
        version: i64,
    ) -> Result<m::GetLayerVersionResponse, ApiError> {
        let version = positive(version)?;
        let address = Self::layer_address(ctx, name);
        let row = self.layer_row(&address, version)?;
        let row = row.filter(|row| address.account == ctx.account || shared(row, ctx)).ok_or_else(nothing)?;
        Ok(self.tell_layer(ctx, &address, version, row))
    }

    pub(super) fn layer_by_arn(
        &self,
        ctx: &Context,
        arn: &str,
    ) -> Result<m::GetLayerVersionResponse, ApiError> {
        let (address, version) = parse(arn).ok_or_else(nothing)?;
        let row = self.layer_row(&address, version)?;
        let row = row.filter(|row| address.account == ctx.account || shared(row, ctx)).ok_or_else(nothing)?;
        Ok(self.tell_layer(ctx, &address, version, row))
    }

    pub(super) async fn drop_layer(
        &self,
        ctx: &Context,
        input: &m::DeleteLayerVersionRequest,
    ) -> Result<(), ApiError> {
        let version = positive(input.version_number)?;
        let address = Self::layer_address(ctx, &input.layer_name);
        let _one_at_a_time = self.layering.lock().await;
        let Some(row) = self.layer_row(&address, version)? else { return Ok(()) };
        let key = keys::numbered(LAYER_VERSIONS, &address, version);
        let mut batch = Batch::default();
        if let Some(blob) = blob(&row.code) {
            batch.unlink(&blob, &key);
        }
        batch.delete(key);
        self.store.commit(batch).await.map(drop).map_err(|error| refused(&error))
    }

    pub(super) fn list_layers(
        &self,
        ctx: &Context,
        input: &m::ListLayersRequest,
    ) -> Result<m::ListLayersResponse, ApiError> {
        let scope = ["ListLayers", ctx.account.as_str(), ctx.region.as_str()];
        let after = self.after(&scope, input.marker.as_deref())?;
        let snapshot = self.store.snapshot();
        let range = keys::region(LAYER_VERSIONS, &ctx.account, &ctx.region);
        let mut latest: Vec<(Address, u64, LayerVersionRow)> = Vec::new();
        for (address, version, row) in rows(&*snapshot, range)? {
            let fits =
                fits(&row, input.compatible_runtime.as_deref(), input.compatible_architecture.as_deref());
            if *address.name <= *after || !fits {
                continue;
            }
            match latest.last_mut().filter(|last| last.0 == address) {
                Some(last) => *last = (address, version, row),
                None => latest.push((address, version, row)),
            }
        }
        let (rows, next_marker) =
            self.page(&scope, latest, input.max_items, limits::PAGE, |(address, ..)| {
                address.name.to_string()
            });
        let layers = rows.into_iter().map(|(address, version, row)| m::LayersListItem {
            layer_name: Some(address.name.to_string()),
            layer_arn: Some(address.arn_of("layer", &address.name)),
            latest_matching_version: Some(item(&address, version, row)),
        });
        Ok(m::ListLayersResponse { layers: Some(layers.collect()), next_marker })
    }

    pub(super) fn list_layer_versions(
        &self,
        ctx: &Context,
        input: &m::ListLayerVersionsRequest,
    ) -> Result<m::ListLayerVersionsResponse, ApiError> {
        let address = Self::layer_address(ctx, &input.layer_name);
        let arn = address.arn_of("layer", &address.name);
        let scope = ["ListLayerVersions", arn.as_str()];
        let after: u64 = self.after(&scope, input.marker.as_deref())?.parse().unwrap_or(u64::MAX);
        let mut rows = self.layer_versions(&address)?;
        rows.reverse();
        rows.retain(|(version, row)| {
            let (runtime, architecture) = (&input.compatible_runtime, &input.compatible_architecture);
            *version < after && fits(row, runtime.as_deref(), architecture.as_deref())
        });
        let (rows, next_marker) =
            self.page(&scope, rows, input.max_items, limits::PAGE, |(version, _)| version.to_string());
        let versions = rows.into_iter().map(|(version, row)| item(&address, version, row)).collect();
        Ok(m::ListLayerVersionsResponse { layer_versions: Some(versions), next_marker })
    }

    pub(super) async fn permit_layer(
        &self,
        ctx: &Context,
        input: m::AddLayerVersionPermissionRequest,
    ) -> Result<m::AddLayerVersionPermissionResponse, ApiError> {
        let statement = Statement {
            sid: input.statement_id,
            action: input.action,
            principal: input.principal,
            organization: input.organization_id,
            ..Statement::default()
        };
        let revision = input.revision_id.as_deref();
        let (row, arn) = self
            .change_layer_policy(ctx, &input.layer_name, input.version_number, revision, |policy| {
                if policy.statements.iter().any(|there| there.sid == statement.sid) {
                    return Err(taken(&statement.sid));
                }
                policy.statements.push(statement.clone());
                Ok(())
            })
            .await?;
        Ok(m::AddLayerVersionPermissionResponse {
            statement: Some(document(&statement, &arn)),
            revision_id: Some(row.policy.revision_id),
        })
    }

    pub(super) async fn forbid_layer(
        &self,
        ctx: &Context,
        input: &m::RemoveLayerVersionPermissionRequest,
    ) -> Result<(), ApiError> {
        let (name, version, revision) =
            (&input.layer_name, input.version_number, input.revision_id.as_deref());
        self.change_layer_policy(ctx, name, version, revision, |policy| {
            let at = policy.statements.iter().position(|there| there.sid == input.statement_id);
            let at = at.ok_or_else(|| no_statement(&input.statement_id))?;
            policy.statements.remove(at);
            Ok(())
        })
        .await
        .map(drop)
    }

    async fn change_layer_policy(
        &self,
        ctx: &Context,
        name: &str,
        version: i64,
        revision: Option<&str>,
        edit: impl FnOnce(&mut PolicyRow) -> Result<(), ApiError>,
    ) -> Result<(LayerVersionRow, String), ApiError> {
        let address = Self::layer_address(ctx, name);
        let arn = format!("{}:{version}", address.arn_of("layer", &address.name));
        let number = u64::try_from(version).unwrap_or(0);
        let _one_at_a_time = self.layering.lock().await;
        let row = self.layer_row(&address, number)?;
        let mut row = row.ok_or_else(|| errors::not_found(format!("Layer version {arn} does not exist.")))?;
        let stale = revision.is_some_and(|revision| revision != row.policy.revision_id);
        edit(&mut row.policy)?;
        if stale {
            return Err(errors::stale("GetLayerPolicy"));
        }
        row.policy.revision_id = revision_id();
        if policy(&row.policy, &arn).len() > limits::POLICY_BYTES {
            return Err(errors::policy_length("The layer's policy is longer than 20 KB."));
        }
        let mut batch = Batch::default();
        let bytes = encode(&row).map_err(|error| unreadable(&error))?;
        batch.put(keys::numbered(LAYER_VERSIONS, &address, number), bytes);
        self.store.commit(batch).await.map_err(|error| refused(&error))?;
        Ok((row, arn))
    }

    pub(super) fn layer_policy(
        &self,
        ctx: &Context,
        input: &m::GetLayerVersionPolicyRequest,
    ) -> Result<m::GetLayerVersionPolicyResponse, ApiError> {
        let address = Self::layer_address(ctx, &input.layer_name);
        let arn = format!("{}:{}", address.arn_of("layer", &address.name), input.version_number);
        let number = u64::try_from(input.version_number).unwrap_or(0);
        let row = self.layer_row(&address, number)?;
        let row = row.ok_or_else(|| errors::not_found(format!("Layer version {arn} does not exist.")))?;
        if row.policy.statements.is_empty() {
            return Err(no_policy());
        }
        Ok(m::GetLayerVersionPolicyResponse {
            policy: Some(policy(&row.policy, &arn)),
            revision_id: Some(row.policy.revision_id),
        })
    }
}

/// Whether a layer's policy lets the caller use it.
fn shared(row: &LayerVersionRow, ctx: &Context) -> bool {
    let root = format!("arn:aws:iam::{}:root", ctx.account);
    row.policy.statements.iter().any(|statement| {
        let principal = statement.principal.as_str();
        let everyone = principal == "*" && statement.organization.is_none();
        everyone || principal == ctx.account.as_str() || principal == root
    })
}

fn fits(row: &LayerVersionRow, runtime: Option<&str>, architecture: Option<&str>) -> bool {
    let has = |list: &Option<Vec<String>>, wanted: Option<&str>| {
        wanted.is_none_or(|wanted| list.iter().flatten().any(|there| there == wanted))
    };
    has(&row.runtimes, runtime) && has(&row.architectures, architecture)
}

fn item(address: &Address, version: u64, row: LayerVersionRow) -> m::LayerVersionsListItem {
    m::LayerVersionsListItem {
        layer_version_arn: Some(format!("{}:{version}", address.arn_of("layer", &address.name))),
        version: i64::try_from(version).ok(),
        description: Some(row.description),
        created_date: Some(super::describe::moment(row.created)),
        compatible_runtimes: row.runtimes,
        license_info: row.license,
        compatible_architectures: row.architectures,
    }
}

fn positive(version: i64) -> Result<u64, ApiError> {
    u64::try_from(version)
        .ok()
        .filter(|version| *version > 0)
        .ok_or_else(|| errors::invalid_parameter("Layer Version Cannot be less than 1"))
}

type Row = (Address, u64, LayerVersionRow);

fn rows(snapshot: &dyn Snapshot, range: moln_store::KeyRange) -> Result<Vec<Row>, ApiError> {
    let mut found = Vec::new();
    let mut range = Some(range);
    while let Some(next) = range {
        let page = snapshot.scan(&next, Scan::default()).map_err(|error| unreadable(&error))?;
        for (key, bytes, _) in page.rows {
            let read = || {
                let (address, mut parts) = keys::address(LAYER_VERSIONS, &key)?;
                Ok((address, parts.u64()?, decode(&bytes)?))
            };
            found.push(read().map_err(|error: moln_store::StoreError| unreadable(&error))?);
        }
        range = page.rest;
    }
    Ok(found)
}

/// What a layer may say it is for.
fn check_compatibilities(
    runtimes: Option<&[String]>,
    architectures: Option<&[String]>,
) -> Result<(), ApiError> {
    let mut failures = Vec::new();
    let runtimes = runtimes.unwrap_or_default();
    if runtimes.iter().any(|name| name.parse::<moln_functions::Runtime>().is_err()) {
        failures.push(format!(
            "Value '[{}]' at 'compatibleRuntimes' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
            runtimes.join(", "),
            named_runtimes()
        ));
    }
    let architectures = architectures.unwrap_or_default();
    if architectures.iter().any(|name| !matches!(name.as_str(), "x86_64" | "arm64")) {
        failures.push(format!(
            "Value '[{}]' at 'compatibleArchitectures' failed to satisfy constraint: Member must satisfy constraint: [Member \
             must satisfy enum value set: [x86_64, arm64], Member must not be null]",
            architectures.join(", ")
        ));
    }
    match failures.as_slice() {
        [] => Ok(()),
        [one] => Err(errors::validation(format!("1 validation error detected: {one}"))),
        many => {
            Err(errors::validation(format!("{} validation errors detected: {}", many.len(), many.join("; "))))
        }
    }
}

/// What publishing answers.
fn published(told: m::GetLayerVersionResponse) -> m::PublishLayerVersionResponse {
    m::PublishLayerVersionResponse {
        content: told.content,
        layer_arn: told.layer_arn,
        layer_version_arn: told.layer_version_arn,
        description: told.description,
        created_date: told.created_date,
        version: told.version,
        compatible_runtimes: told.compatible_runtimes,
        license_info: told.license_info,
        compatible_architectures: told.compatible_architectures,
    }
}
