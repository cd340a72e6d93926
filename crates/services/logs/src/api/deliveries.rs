//! Deliveries of vended logs: sources, destinations and what joins them. They are kept and given back; the services that
//! would vend logs hand them over by ports of their own.

use moln_kernel::{ApiError, Arn, Context, ids};

use super::lookup::{limit, page};
use crate::{
    LogGroups, errors,
    limits::DESCRIBE_ROWS,
    live::{group::arn_head, kept::kind},
    model::{
        CreateDeliveryRequest, CreateDeliveryResponse, Delivery, DeliveryDestination,
        DeliveryDestinationConfiguration, DeliverySource, DescribeDeliveriesRequest,
        DescribeDeliveriesResponse, DescribeDeliveryDestinationsRequest,
        DescribeDeliveryDestinationsResponse, DescribeDeliverySourcesRequest,
        DescribeDeliverySourcesResponse, GetDeliveryDestinationPolicyResponse,
        GetDeliveryDestinationResponse, GetDeliveryResponse, GetDeliverySourceResponse, Policy,
        PutDeliveryDestinationPolicyRequest, PutDeliveryDestinationPolicyResponse,
        PutDeliveryDestinationRequest, PutDeliveryDestinationResponse, PutDeliverySourceRequest,
        PutDeliverySourceResponse, S3DeliveryConfiguration, UpdateDeliveryConfigurationRequest,
        UpdateDeliveryConfigurationResponse,
    },
    tables::kept::Kept,
};

/// Services whose resources can be sources.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html>
const SOURCES: &[&str] = &[
    "bedrock",
    "bedrock-agentcore",
    "cloudfront",
    "codewhisperer",
    "cognito-idp",
    "deadline",
    "elasticloadbalancing",
    "eks",
    "entityresolution",
    "events",
    "ivschat",
    "mediapackagev2",
    "mediatailor",
    "network-firewall",
    "networkflowmonitor",
    "notifications",
    "osis",
    "pcs",
    "pipes",
    "qbusiness",
    "ram",
    "route53resolver",
    "scn",
    "ses",
    "sso",
    "states",
    "transfer",
    "vpc-lattice",
    "wisdom",
    "workmail",
];

/// Rows by name.
type Rows = Vec<(String, Kept)>;

fn conflict(message: &str) -> ApiError {
    ApiError::sender("ConflictException", message)
}
fn no_source() -> ApiError {
    errors::not_found("Requested Delivery Source does not exist in this account.")
}
fn no_destination() -> ApiError {
    errors::not_found("Requested Delivery Destination does not exist in this account.")
}
fn no_delivery() -> ApiError {
    errors::not_found("Requested Delivery does not exist in this account.")
}

fn arn_of(ctx: &Context, kind: &str, name: &str) -> String {
    format!("{}:{kind}:{name}", arn_head(ctx.region.as_str(), ctx.account.as_str()))
}

impl LogGroups {
    pub(crate) async fn keep_source(
        &self,
        ctx: &Context,
        input: PutDeliverySourceRequest,
    ) -> Result<PutDeliverySourceResponse, ApiError> {
        let arn: Arn = input
            .resource_arn
            .parse()
            .map_err(|_| errors::validation("The provided resource ARN is not valid."))?;
        if !SOURCES.contains(&arn.service()) {
            return Err(errors::not_found("Cannot access provided service."));
        }
        let tags = input.tags.unwrap_or_default();
        super::tags::check(0, &tags)?;
        let _turn = self.core.changing.lock().await;
        let now = self.core.clock.now().millis();
        let before = self.core.kept(ctx, kind::DELIVERY_SOURCE, &input.name)?;
        if let Some(before) = &before
            && (before.text("resourceArn").as_deref() != Some(&input.resource_arn)
                || before.text("logType").as_deref() != Some(&input.log_type))
        {
            return Err(conflict(
                "Update to existing Delivery Source with a different resource or log type is not allowed. Please \
                 create a new Delivery Source instead.",
            ));
        }
        let mut row = before.unwrap_or_else(|| Kept { created: now, tags, ..Kept::default() });
        row.changed = now;
        row.set("resourceArn", Some(input.resource_arn))
            .set("service", Some(arn.service().to_owned()))
            .set("logType", Some(input.log_type));
        let configuration = input
            .delivery_source_configuration
            .map(|all| all.into_iter().flat_map(|(name, value)| [name, value]).collect::<Vec<_>>());
        row.set_list("configuration", configuration);
        self.core.keep(ctx, kind::DELIVERY_SOURCE, &input.name, &row).await?;
        Ok(PutDeliverySourceResponse { delivery_source: Some(source(ctx, &input.name, &row)) })
    }

    pub(crate) fn source(&self, ctx: &Context, name: &str) -> Result<GetDeliverySourceResponse, ApiError> {
        let row = self.core.kept(ctx, kind::DELIVERY_SOURCE, name)?.ok_or_else(no_source)?;
        Ok(GetDeliverySourceResponse { delivery_source: Some(source(ctx, name, &row)) })
    }

    pub(crate) async fn forget_source(&self, ctx: &Context, name: &str) -> Result<(), ApiError> {
        let _turn = self.core.changing.lock().await;
        let used = self.core.all_kept(ctx, kind::DELIVERY, "")?;
        if used.iter().any(|(_, row)| row.text("deliverySourceName").as_deref() == Some(name)) {
            return Err(conflict("This Delivery Source is used by a Delivery. Delete the Delivery first."));
        }
        let there = self.core.forget(ctx, kind::DELIVERY_SOURCE, name).await?;
        if there { Ok(()) } else { Err(no_source()) }
    }

    pub(crate) fn list_sources(
        &self,
        ctx: &Context,
        input: &DescribeDeliverySourcesRequest,
    ) -> Result<DescribeDeliverySourcesResponse, ApiError> {
        let wanted = input.resource_arns.as_ref();
        let asked = format!("{wanted:?}");
        let keep = |_: &str, row: &Kept| {
            wanted.is_none_or(|all| row.text("resourceArn").is_some_and(|arn| all.contains(&arn)))
        };
        let (rows, next_token) = self.kept_page(
            ctx,
            kind::DELIVERY_SOURCE,
            &asked,
            keep,
            input.next_token.as_deref(),
            input.limit,
        )?;
        let sources = rows.iter().map(|(name, row)| source(ctx, name, row)).collect();
        Ok(DescribeDeliverySourcesResponse { delivery_sources: Some(sources), next_token })
    }

    /// A page of a kind; `asked` is what the request filters by.
    fn kept_page(
        &self,
        ctx: &Context,
        kind: &str,
        asked: &str,
        keep: impl Fn(&str, &Kept) -> bool,
        token: Option<&str>,
        most: Option<i32>,
    ) -> Result<(Rows, Option<String>), ApiError> {
        let scope = [kind, ctx.account.as_str(), ctx.region.as_str(), asked];
        let after = self.text_cursor(&scope, token)?;
        let mut rows = self.core.all_kept(ctx, kind, "")?;
        rows.retain(|(name, row)| keep(name, row) && after.as_ref().is_none_or(|after| name > after));
        let (rows, last) = page(rows, limit(most, DESCRIBE_ROWS));
        Ok((rows, last.map(|name| self.core.pagination.seal(&scope, name.as_bytes()))))
    }

    pub(crate) async fn keep_delivery_destination(
        &self,
        ctx: &Context,
        input: PutDeliveryDestinationRequest,
    ) -> Result<PutDeliveryDestinationResponse, ApiError> {
        let resource = input.delivery_destination_configuration.map(|c| c.destination_resource_arn);
        let found = match &resource {
            Some(text) => Some(destination_type(text)?),
            None => input.delivery_destination_type.as_deref().filter(|kind| *kind == "XRAY"),
        };
        let Some(found) = found.map(str::to_owned) else {
            return Err(errors::validation("deliveryDestinationConfiguration must be provided."));
        };
        if input.delivery_destination_type.as_ref().is_some_and(|wanted| *wanted != found) {
            return Err(errors::validation("The destination type does not fit the destination resource."));
        }
        let tags = input.tags.unwrap_or_default();
        super::tags::check(0, &tags)?;
        let _turn = self.core.changing.lock().await;
        let now = self.core.clock.now().millis();
        let before = self.core.kept(ctx, kind::DELIVERY_DESTINATION, &input.name)?;
        if let Some(before) = &before {
            if before.text("outputFormat") != input.output_format {
                return Err(errors::validation(
                    "Update to existing Delivery Destination with new Output Format is not allowed. Please create a \
                     new Delivery Destination instead.",
                ));
            }
            if before.text("type").as_deref() != Some(&found) {
                return Err(errors::validation(
                    "Update to existing Delivery Destination with new Destination Type is not allowed. Please create \
                     a new Delivery Destination instead.",
                ));
            }
        }
        let mut row = before.unwrap_or_else(|| Kept { created: now, tags, ..Kept::default() });
        row.changed = now;
        row.set("resourceArn", resource)
            .set("type", Some(found))
            .set("outputFormat", input.output_format)
            .set("roleArn", input.role_arn);
        self.core.keep(ctx, kind::DELIVERY_DESTINATION, &input.name, &row).await?;
        let destination = delivery_destination(ctx, &input.name, &row);
        Ok(PutDeliveryDestinationResponse { delivery_destination: Some(destination) })
    }

    pub(crate) fn delivery_destination(
        &self,
        ctx: &Context,
        name: &str,
    ) -> Result<GetDeliveryDestinationResponse, ApiError> {
        let row = self.core.kept(ctx, kind::DELIVERY_DESTINATION, name)?.ok_or_else(no_destination)?;
        let destination = delivery_destination(ctx, name, &row);
        Ok(GetDeliveryDestinationResponse { delivery_destination: Some(destination) })
    }

    pub(crate) async fn forget_delivery_destination(
        &self,
        ctx: &Context,
        name: &str,
    ) -> Result<(), ApiError> {
        let _turn = self.core.changing.lock().await;
        let arn = arn_of(ctx, kind::DELIVERY_DESTINATION, name);
        let used = self.core.all_kept(ctx, kind::DELIVERY, "")?;
        if used.iter().any(|(_, row)| row.text("deliveryDestinationArn").as_ref() == Some(&arn)) {
            return Err(conflict(
                "This Delivery Destination is used by a Delivery. Delete the Delivery first.",
            ));
        }
        let there = self.core.forget(ctx, kind::DELIVERY_DESTINATION, name).await?;
        if there { Ok(()) } else { Err(no_destination()) }
    }

    pub(crate) fn list_delivery_destinations(
        &self,
        ctx: &Context,
        input: &DescribeDeliveryDestinationsRequest,
    ) -> Result<DescribeDeliveryDestinationsResponse, ApiError> {
        let asked = format!("{:?}", input.names);
        let keep = |name: &str, _: &Kept| {
            input.names.as_ref().is_none_or(|names| names.iter().any(|wanted| wanted == name))
        };
        let (rows, next_token) = self.kept_page(
            ctx,
            kind::DELIVERY_DESTINATION,
            &asked,
            keep,
            input.next_token.as_deref(),
            input.limit,
        )?;
        let all = rows.iter().map(|(name, row)| delivery_destination(ctx, name, row)).collect();
        Ok(DescribeDeliveryDestinationsResponse { delivery_destinations: Some(all), next_token })
    }

    pub(crate) async fn keep_delivery_policy(
        &self,
        ctx: &Context,
        input: PutDeliveryDestinationPolicyRequest,
    ) -> Result<PutDeliveryDestinationPolicyResponse, ApiError> {
        let policy = input.delivery_destination_policy;
        super::destinations::check_policy(&policy).map_err(|why| errors::validation(why.message))?;
        self.set_delivery_policy(ctx, &input.delivery_destination_name, Some(policy.clone())).await?;
        let policy = Policy { delivery_destination_policy: Some(policy) };
        Ok(PutDeliveryDestinationPolicyResponse { policy: Some(policy) })
    }

    pub(crate) async fn set_delivery_policy(
        &self,
        ctx: &Context,
        name: &str,
        policy: Option<String>,
    ) -> Result<(), ApiError> {
        let _turn = self.core.changing.lock().await;
        let found = self.core.kept(ctx, kind::DELIVERY_DESTINATION, name)?;
        let mut row = found.ok_or_else(no_destination)?;
        row.set("policy", policy);
        self.core.keep(ctx, kind::DELIVERY_DESTINATION, name, &row).await
    }

    pub(crate) fn delivery_policy(
        &self,
        ctx: &Context,
        name: &str,
    ) -> Result<GetDeliveryDestinationPolicyResponse, ApiError> {
        let row = self.core.kept(ctx, kind::DELIVERY_DESTINATION, name)?.ok_or_else(no_destination)?;
        let policy = row.text("policy").map(|text| Policy { delivery_destination_policy: Some(text) });
        Ok(GetDeliveryDestinationPolicyResponse { policy })
    }

    pub(crate) async fn join(
        &self,
        ctx: &Context,
        input: CreateDeliveryRequest,
    ) -> Result<CreateDeliveryResponse, ApiError> {
        let tags = input.tags.unwrap_or_default();
        super::tags::check(0, &tags)?;
        let _turn = self.core.changing.lock().await;
        self.core.kept(ctx, kind::DELIVERY_SOURCE, &input.delivery_source_name)?.ok_or_else(no_source)?;
        let prefix = arn_of(ctx, kind::DELIVERY_DESTINATION, "");
        let name = input.delivery_destination_arn.strip_prefix(&prefix).ok_or_else(no_destination)?;
        let destination =
            self.core.kept(ctx, kind::DELIVERY_DESTINATION, name)?.ok_or_else(no_destination)?;
        let same = |(_, row): &(String, Kept)| {
            row.text("deliverySourceName").as_ref() == Some(&input.delivery_source_name)
                && row.text("type") == destination.text("type")
        };
        if self.core.all_kept(ctx, kind::DELIVERY, "")?.iter().any(same) {
            return Err(conflict(
                "A Delivery of this Delivery Source to this type of destination exists already.",
            ));
        }
        let id: String = ids::base32_id("", 16).chars().collect();
        let now = self.core.clock.now().millis();
        let mut row = Kept { created: now, changed: now, tags, ..Kept::default() };
        row.set("deliverySourceName", Some(input.delivery_source_name))
            .set("deliveryDestinationArn", Some(input.delivery_destination_arn))
            .set("type", destination.text("type"));
        configure(&mut row, input.record_fields, input.field_delimiter, input.s3_delivery_configuration);
        self.core.keep(ctx, kind::DELIVERY, &id, &row).await?;
        Ok(CreateDeliveryResponse { delivery: Some(delivery(ctx, &id, &row)) })
    }

    pub(crate) async fn configure_delivery(
        &self,
        ctx: &Context,
        input: UpdateDeliveryConfigurationRequest,
    ) -> Result<UpdateDeliveryConfigurationResponse, ApiError> {
        let _turn = self.core.changing.lock().await;
        let mut row = self.core.kept(ctx, kind::DELIVERY, &input.id)?.ok_or_else(no_delivery)?;
        row.changed = self.core.clock.now().millis();
        configure(&mut row, input.record_fields, input.field_delimiter, input.s3_delivery_configuration);
        self.core.keep(ctx, kind::DELIVERY, &input.id, &row).await?;
        Ok(UpdateDeliveryConfigurationResponse {})
    }

    pub(crate) fn delivery(&self, ctx: &Context, id: &str) -> Result<GetDeliveryResponse, ApiError> {
        let row = self.core.kept(ctx, kind::DELIVERY, id)?.ok_or_else(no_delivery)?;
        Ok(GetDeliveryResponse { delivery: Some(delivery(ctx, id, &row)) })
    }

    pub(crate) async fn part(&self, ctx: &Context, id: &str) -> Result<(), ApiError> {
        let _turn = self.core.changing.lock().await;
        let there = self.core.forget(ctx, kind::DELIVERY, id).await?;
        if there { Ok(()) } else { Err(no_delivery()) }
    }

    pub(crate) fn list_deliveries(
        &self,
        ctx: &Context,
        input: &DescribeDeliveriesRequest,
    ) -> Result<DescribeDeliveriesResponse, ApiError> {
        let asked = format!("{:?}", input.delivery_source_names);
        let keep = |_: &str, row: &Kept| {
            let of = row.text("deliverySourceName").unwrap_or_default();
            input.delivery_source_names.as_ref().is_none_or(|names| names.contains(&of))
        };
        let (rows, next_token) =
            self.kept_page(ctx, kind::DELIVERY, &asked, keep, input.next_token.as_deref(), input.limit)?;
        let all = rows.iter().map(|(id, row)| delivery(ctx, id, row)).collect();
        Ok(DescribeDeliveriesResponse { deliveries: Some(all), next_token })
    }
}

fn destination_type(resource: &str) -> Result<&'static str, ApiError> {
    let arn: Option<Arn> = resource.parse().ok();
    match arn.as_ref().map(Arn::service) {
        Some("s3") => Ok("S3"),
        Some("logs") => Ok("CWL"),
        Some("firehose") => Ok("FH"),
        _ => Err(errors::validation("The provided destination resource ARN is not valid.")),
    }
}

fn configure(
    row: &mut Kept,
    fields: Option<Vec<String>>,
    delimiter: Option<String>,
    s3: Option<S3DeliveryConfiguration>,
) {
    if fields.is_some() {
        row.set_list("recordFields", fields);
    }
    if delimiter.is_some() {
        row.set("fieldDelimiter", delimiter);
    }
    if let Some(s3) = s3 {
        row.set("suffixPath", s3.suffix_path)
            .set("hive", s3.enable_hive_compatible_path.map(|hive| hive.to_string()));
    }
}

fn tags_of(row: &Kept) -> Option<std::collections::BTreeMap<String, String>> {
    (!row.tags.is_empty()).then(|| row.tags.clone())
}

fn source(ctx: &Context, name: &str, row: &Kept) -> DeliverySource {
    let pair = |pair: &[String]| Some((pair.first()?.clone(), pair.get(1)?.clone()));
    let configuration = row.list("configuration").map(|all| all.chunks(2).filter_map(pair).collect());
    DeliverySource {
        name: Some(name.to_owned()),
        arn: Some(arn_of(ctx, kind::DELIVERY_SOURCE, name)),
        resource_arns: row.text("resourceArn").map(|arn| vec![arn]),
        service: row.text("service"),
        log_type: row.text("logType"),
        tags: tags_of(row),
        delivery_source_configuration: configuration,
        ..DeliverySource::default()
    }
}

fn delivery_destination(ctx: &Context, name: &str, row: &Kept) -> DeliveryDestination {
    let resource = row.text("resourceArn");
    DeliveryDestination {
        name: Some(name.to_owned()),
        arn: Some(arn_of(ctx, kind::DELIVERY_DESTINATION, name)),
        delivery_destination_type: row.text("type"),
        output_format: row.text("outputFormat"),
        delivery_destination_configuration: resource
            .map(|destination_resource_arn| DeliveryDestinationConfiguration { destination_resource_arn }),
        role_arn: row.text("roleArn"),
        tags: tags_of(row),
    }
}

fn delivery(ctx: &Context, id: &str, row: &Kept) -> Delivery {
    let (suffix_path, hive) = (row.text("suffixPath"), row.text("hive"));
    let s3 = (suffix_path.is_some() || hive.is_some()).then(|| S3DeliveryConfiguration {
        suffix_path,
        enable_hive_compatible_path: hive.map(|hive| hive == "true"),
    });
    Delivery {
        id: Some(id.to_owned()),
        arn: Some(arn_of(ctx, kind::DELIVERY, id)),
        delivery_source_name: row.text("deliverySourceName"),
        delivery_destination_arn: row.text("deliveryDestinationArn"),
        delivery_destination_type: row.text("type"),
        record_fields: row.list("recordFields"),
        field_delimiter: row.text("fieldDelimiter"),
        s3_delivery_configuration: s3,
        tags: tags_of(row),
    }
}
