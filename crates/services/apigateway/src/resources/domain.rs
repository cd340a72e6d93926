//! `AWS::ApiGatewayV2::DomainName`, `ApiMapping` and `VpcLink`.

use moln_kernel::resources::Resource;

use super::{Own, Put, Type, parted, properties::input, resource};
use crate::model::{
    ApiMapping, CreateApiMappingRequest, CreateDomainNameRequest, CreateVpcLinkRequest, DomainName, VpcLink,
};

pub(super) static DOMAIN: Type = Type {
    name: "AWS::ApiGatewayV2::DomainName",
    properties: &["DomainName", "DomainNameConfigurations", "MutualTlsAuthentication", "RoutingMode", "Tags"],
    replacing: &["DomainName"],
    within: &[],
    own: Own::Name("DomainName"),
    put: |put: Put<'_>| {
        Box::pin(async move {
            let input: CreateDomainNameRequest = input(put.apis, put.properties)?;
            let made: DomainName = put.apis.put_domain(put.ctx, input, put.there).await?;
            Ok(domain(&made))
        })
    },
    live: None,
    read: |apis, ctx, id| Ok(domain(&apis.domain(ctx, id)?.name)),
    delete: |apis, ctx, id| Box::pin(apis.remove_domain(ctx, id)),
};

fn domain(name: &DomainName) -> Resource {
    let first = name.domain_name_configurations.as_ref().and_then(|all| all.first());
    let further = [
        ("DomainNameArn", name.domain_name_arn.clone()),
        ("RegionalDomainName", first.and_then(|one| one.api_gateway_domain_name.clone())),
        ("RegionalHostedZoneId", first.and_then(|one| one.hosted_zone_id.clone())),
    ];
    resource(&[&name.domain_name], "DomainName", &further)
}

pub(super) static MAPPING: Type = Type {
    name: "AWS::ApiGatewayV2::ApiMapping",
    properties: &["ApiId", "ApiMappingKey", "DomainName", "Stage"],
    replacing: &["DomainName"],
    within: &["DomainName"],
    own: Own::Id(6),
    put: |put: Put<'_>| {
        Box::pin(async move {
            let input: CreateApiMappingRequest = input(put.apis, put.properties)?;
            let domain = input.domain_name.clone();
            let [_, own] = parted(put.at)?;
            let made: ApiMapping = put.apis.add_mapping(put.ctx, input, Some(own)).await?;
            Ok(resource(&[&domain, made.api_mapping_id.as_deref().unwrap_or_default()], "ApiMappingId", &[]))
        })
    },
    live: None,
    read: |apis, ctx, id| {
        let [domain, own] = parted(id)?;
        let _: ApiMapping = apis.mapping(ctx, domain, own)?;
        Ok(resource(&[domain, own], "ApiMappingId", &[]))
    },
    delete: |apis, ctx, id| {
        Box::pin(async move {
            let [domain, own] = parted(id)?;
            apis.remove_mapping(ctx, domain, own).await
        })
    },
};

pub(super) static LINK: Type = Type {
    name: "AWS::ApiGatewayV2::VpcLink",
    properties: &["Name", "SecurityGroupIds", "SubnetIds", "Tags"],
    replacing: &["SecurityGroupIds", "SubnetIds"],
    within: &[],
    own: Own::Id(6),
    put: |put: Put<'_>| {
        Box::pin(async move {
            let input: CreateVpcLinkRequest = input(put.apis, put.properties)?;
            if put.there {
                let change = |link: &mut VpcLink| {
                    link.name = input.name;
                    link.tags = Some(input.tags.unwrap_or_default());
                    Ok(())
                };
                put.apis.with_link(put.ctx, put.at, change).await?;
            } else {
                let _: VpcLink = put.apis.add_link(put.ctx, input, Some(put.at)).await?;
            }
            Ok(resource(&[put.at], "VpcLinkId", &[]))
        })
    },
    live: None,
    read: |apis, ctx, id| apis.link(ctx, id).map(|link| resource(&[&link.vpc_link_id], "VpcLinkId", &[])),
    delete: |apis, ctx, id| Box::pin(apis.remove_link(ctx, id)),
};
