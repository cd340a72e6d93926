//! Custom domain names, what their paths are mapped to, and VPC links.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{ApiError, Context};
use moln_store::Batch;
use moln_wire::Shape;

use super::{apis::suffix, page::Asked, tags};
use crate::{
    Apis, errors, limits,
    model::{
        ApiMapping, CreateApiMappingRequest, CreateDomainNameRequest, CreateVpcLinkRequest, DomainName,
        GetApiMappingsRequest, GetApiMappingsResponse, GetDomainNamesRequest, GetDomainNamesResponse,
        GetVpcLinksRequest, GetVpcLinksResponse, UpdateApiMappingRequest, UpdateDomainNameRequest,
        UpdateVpcLinkRequest, VpcLink,
    },
    recast::{amended, json, recast},
    state::{Domain, id},
    tables::{DOMAIN, MAPPING, PARTS, Part, VPC_LINK},
};

/// Where the hosted zone of a regional endpoint would be.
const HOSTED_ZONE: &str = "Z1UJRXOUMOOFQ8";

fn no_domain() -> ApiError {
    errors::not_found("The domain name resource specified in the request was not found.")
}

fn no_mapping() -> ApiError {
    errors::not_found("The api mapping resource specified in the request was not found.")
}

fn put(
    batch: &mut Batch,
    ctx: &Context,
    home: &str,
    (kind, id): (&str, &str),
    json: String,
) -> Result<(), ApiError> {
    let place = (ctx.account.to_string(), ctx.region.to_string());
    let key = (place, home.to_owned(), (kind.to_owned(), id.to_owned()));
    PARTS.put(batch, &key, &Part { json }).map_err(|why| errors::unread(&why))
}

impl Apis {
    /// A domain name of the caller's.
    pub(crate) fn domain(&self, ctx: &Context, name: &str) -> Result<Arc<Domain>, ApiError> {
        let found = self.registry().domains.get(&name.to_ascii_lowercase()).cloned();
        found.filter(|domain| domain.belongs(ctx)).ok_or_else(no_domain)
    }

    /// Makes a domain name; `anew`: in the place of one that is there.
    pub(crate) async fn put_domain<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: CreateDomainNameRequest,
        anew: bool,
    ) -> Result<O, ApiError> {
        if anew {
            return self
                .with_domain(ctx, &input.domain_name, |domain| {
                    let mut name: DomainName = recast(&input)?;
                    check_domain(&name)?;
                    complete(ctx, &mut name);
                    let answer = recast(&name);
                    domain.name = Arc::new(name);
                    answer
                })
                .await;
        }
        let _alone = self.changing.lock().await;
        let mut name: DomainName = recast(&input)?;
        check_domain(&name)?;
        let home = name.domain_name.to_ascii_lowercase();
        {
            let registry = self.registry();
            if registry.domains.contains_key(&home) {
                return Err(errors::conflict("The domain name resource already exists."));
            }
            if registry.domains.values().filter(|domain| domain.belongs(ctx)).count() >= limits::DOMAINS {
                return Err(errors::limit("DomainName", limits::DOMAINS));
            }
        }
        complete(ctx, &mut name);
        let mut batch = Batch::default();
        put(&mut batch, ctx, &home, (DOMAIN, ""), json(&name))?;
        self.commit(batch).await?;
        let answer = recast(&name);
        let (account, region) = (ctx.account.clone(), ctx.region.clone());
        let domain = Domain { account, region, name: Arc::new(name), mappings: BTreeMap::new() };
        self.registry_mut().domains.insert(home, Arc::new(domain));
        answer
    }

    /// Changes a domain name by what `change` does to it; mappings that differ are written.
    pub(crate) async fn with_domain<T: Send>(
        &self,
        ctx: &Context,
        name: &str,
        change: impl FnOnce(&mut Domain) -> Result<T, ApiError> + Send,
    ) -> Result<T, ApiError> {
        let _alone = self.changing.lock().await;
        let before = self.domain(ctx, name)?;
        let mut domain = (*before).clone();
        let result = change(&mut domain)?;
        let home = name.to_ascii_lowercase();
        let mut batch = Batch::default();
        put(&mut batch, ctx, &home, (DOMAIN, ""), json(&*domain.name))?;
        for (id, mapping) in &domain.mappings {
            put(&mut batch, ctx, &home, (MAPPING, id), json(&**mapping))?;
        }
        for id in before.mappings.keys().filter(|id| !domain.mappings.contains_key(*id)) {
            let place = (ctx.account.to_string(), ctx.region.to_string());
            PARTS.delete(&mut batch, &(place, home.clone(), (MAPPING.to_owned(), id.clone())));
        }
        self.commit(batch).await?;
        self.registry_mut().domains.insert(home, Arc::new(domain));
        Ok(result)
    }

    pub(crate) async fn amend_domain<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: UpdateDomainNameRequest,
    ) -> Result<O, ApiError> {
        self.with_domain(ctx, &input.domain_name, |domain| {
            let mut name: DomainName = amended(&*domain.name, &input)?;
            check_domain(&name)?;
            complete(ctx, &mut name);
            let answer = recast(&name);
            domain.name = Arc::new(name);
            answer
        })
        .await
    }

    pub(crate) async fn remove_domain(&self, ctx: &Context, name: &str) -> Result<(), ApiError> {
        let _alone = self.changing.lock().await;
        self.domain(ctx, name)?;
        let home = name.to_ascii_lowercase();
        let mut batch = Batch::default();
        batch.delete_range(Self::home(ctx, &home));
        self.commit(batch).await?;
        self.registry_mut().domains.remove(&home);
        Ok(())
    }

    pub(super) fn list_domains(
        &self,
        ctx: &Context,
        input: &GetDomainNamesRequest,
    ) -> Result<GetDomainNamesResponse, ApiError> {
        let mut rows: Vec<_> = {
            let registry = self.registry();
            let mine = registry.domains.iter().filter(|(_, domain)| domain.belongs(ctx));
            mine.map(|(name, domain)| (name.clone(), (*domain.name).clone())).collect()
        };
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) = self.page(ctx, &["GetDomainNames"], &asked, rows.into_iter())?;
        Ok(GetDomainNamesResponse { items: Some(items), next_token })
    }

    pub(crate) async fn add_mapping<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: CreateApiMappingRequest,
        at: Option<&str>,
    ) -> Result<O, ApiError> {
        self.with_domain(ctx, &input.domain_name, |domain| {
            let there = at.is_some_and(|id| domain.mappings.contains_key(id));
            if !there && domain.mappings.len() >= limits::MAPPINGS {
                return Err(errors::limit("ApiMapping", limits::MAPPINGS));
            }
            let mapping = ApiMapping {
                api_mapping_id: Some(at.map_or_else(|| id(6), str::to_owned)),
                ..recast(&input)?
            };
            self.check_mapping(ctx, domain, &mapping)?;
            let answer = recast(&mapping);
            domain.mappings.insert(mapping.api_mapping_id.clone().unwrap_or_default(), Arc::new(mapping));
            answer
        })
        .await
    }

    pub(crate) async fn amend_mapping<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: UpdateApiMappingRequest,
    ) -> Result<O, ApiError> {
        self.with_domain(ctx, &input.domain_name, |domain| {
            let before = domain.mappings.get(&input.api_mapping_id).ok_or_else(no_mapping)?;
            let mapping: ApiMapping = amended(&**before, &input)?;
            self.check_mapping(ctx, domain, &mapping)?;
            let answer = recast(&mapping);
            domain.mappings.insert(input.api_mapping_id.clone(), Arc::new(mapping));
            answer
        })
        .await
    }

    fn check_mapping(&self, ctx: &Context, domain: &Domain, mapping: &ApiMapping) -> Result<(), ApiError> {
        let entry = self.entry(ctx, &mapping.api_id)?;
        if !entry.stages.contains_key(&mapping.stage) {
            return Err(errors::bad_request("Invalid stage identifier specified"));
        }
        let key = mapping.api_mapping_key.as_deref().unwrap_or_default();
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"$-_.+!*'()".contains(&b))
        };
        if !key.is_empty() && !key.split('/').all(word) {
            return Err(errors::bad_request(
                "API mapping key should not start with a '/' and must be made of path segments",
            ));
        }
        let same = |other: &ApiMapping| {
            other.api_mapping_key.as_deref().unwrap_or_default() == key
                && other.api_mapping_id != mapping.api_mapping_id
        };
        if domain.mappings.values().any(|other| same(other)) {
            return Err(errors::conflict("ApiMapping key already exists for this domain name"));
        }
        Ok(())
    }

    /// Refuses to remove what a domain name leads to: an API, or one of its stages.
    pub(super) fn unmapped(&self, ctx: &Context, api: &str, stage: Option<&str>) -> Result<(), ApiError> {
        let registry = self.registry();
        let leads =
            |mapping: &ApiMapping| mapping.api_id == api && stage.is_none_or(|stage| mapping.stage == stage);
        let mine = registry.domains.values();
        let mut mine = mine.filter(|domain| domain.account == ctx.account && domain.region == ctx.region);
        if !mine.any(|domain| domain.mappings.values().any(|mapping| leads(mapping))) {
            return Ok(());
        }
        let (what, name) = stage.map_or(("API", api), |stage| ("stage", stage));
        Err(errors::bad_request(format!(
            "Deleting {what} {name} failed. Please remove all API mappings for the {what} from your custom domain names."
        )))
    }

    pub(crate) fn mapping<O: Shape>(&self, ctx: &Context, domain: &str, id: &str) -> Result<O, ApiError> {
        recast(&**self.domain(ctx, domain)?.mappings.get(id).ok_or_else(no_mapping)?)
    }

    pub(crate) async fn remove_mapping(&self, ctx: &Context, domain: &str, id: &str) -> Result<(), ApiError> {
        self.with_domain(ctx, domain, |domain| domain.mappings.remove(id).map(drop).ok_or_else(no_mapping))
            .await
    }

    pub(super) fn list_mappings(
        &self,
        ctx: &Context,
        input: &GetApiMappingsRequest,
    ) -> Result<GetApiMappingsResponse, ApiError> {
        let domain = self.domain(ctx, &input.domain_name)?;
        let rows = domain.mappings.iter().map(|(id, one)| (id.clone(), (**one).clone()));
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) = self.page(ctx, &["GetApiMappings", &input.domain_name], &asked, rows)?;
        Ok(GetApiMappingsResponse { items: Some(items), next_token })
    }

    /// A VPC link of the caller's.
    pub(crate) fn link(&self, ctx: &Context, id: &str) -> Result<Arc<VpcLink>, ApiError> {
        let key = (ctx.account.clone(), ctx.region.clone(), id.to_owned());
        self.registry().links.get(&key).cloned().ok_or_else(|| errors::no_such("VpcLink"))
    }

    /// Writes a VPC link. They are kept and told; nothing is behind them, so integrations that go by one are refused.
    async fn put_link(&self, ctx: &Context, link: VpcLink) -> Result<Arc<VpcLink>, ApiError> {
        if let Some(tags) = &link.tags {
            tags::check(tags)?;
        }
        let mut batch = Batch::default();
        put(&mut batch, ctx, &link.vpc_link_id, (VPC_LINK, ""), json(&link))?;
        self.commit(batch).await?;
        let key = (ctx.account.clone(), ctx.region.clone(), link.vpc_link_id.clone());
        let link = Arc::new(link);
        self.registry_mut().links.insert(key, Arc::clone(&link));
        Ok(link)
    }

    pub(crate) async fn add_link<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: CreateVpcLinkRequest,
        at: Option<&str>,
    ) -> Result<O, ApiError> {
        let _alone = self.changing.lock().await;
        let mine = |key: &&(_, _, String)| key.0 == ctx.account && key.1 == ctx.region;
        if self.registry().links.keys().filter(mine).count() >= limits::VPC_LINKS {
            return Err(errors::limit("VpcLink", limits::VPC_LINKS));
        }
        let link = VpcLink {
            created_date: Some(self.clock.now()),
            name: input.name,
            security_group_ids: input.security_group_ids.unwrap_or_default(),
            subnet_ids: input.subnet_ids,
            tags: Some(input.tags.unwrap_or_default()),
            vpc_link_id: at.map_or_else(|| id(6), str::to_owned),
            vpc_link_status: Some("AVAILABLE".to_owned()),
            vpc_link_status_message: Some("VPC link is ready to route traffic".to_owned()),
            vpc_link_version: Some("V2".to_owned()),
        };
        recast(&*self.put_link(ctx, link).await?)
    }

    /// Changes a VPC link by what `change` does to it.
    pub(crate) async fn with_link(
        &self,
        ctx: &Context,
        id: &str,
        change: impl FnOnce(&mut VpcLink) -> Result<(), ApiError> + Send,
    ) -> Result<Arc<VpcLink>, ApiError> {
        let _alone = self.changing.lock().await;
        let mut link = (*self.link(ctx, id)?).clone();
        change(&mut link)?;
        self.put_link(ctx, link).await
    }

    pub(crate) async fn amend_link<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: UpdateVpcLinkRequest,
    ) -> Result<O, ApiError> {
        let named = |link: &mut VpcLink| {
            if let Some(name) = input.name {
                link.name = name;
            }
            Ok(())
        };
        recast(&*self.with_link(ctx, &input.vpc_link_id, named).await?)
    }

    pub(crate) async fn remove_link(&self, ctx: &Context, id: &str) -> Result<(), ApiError> {
        let _alone = self.changing.lock().await;
        self.link(ctx, id)?;
        let mut batch = Batch::default();
        batch.delete_range(Self::home(ctx, id));
        self.commit(batch).await?;
        let key = (ctx.account.clone(), ctx.region.clone(), id.to_owned());
        self.registry_mut().links.remove(&key);
        Ok(())
    }

    pub(super) fn list_links(
        &self,
        ctx: &Context,
        input: &GetVpcLinksRequest,
    ) -> Result<GetVpcLinksResponse, ApiError> {
        let rows: Vec<_> = {
            let registry = self.registry();
            let mine = registry.links.iter().filter(|(key, _)| key.0 == ctx.account && key.1 == ctx.region);
            mine.map(|(key, link)| (key.2.clone(), (**link).clone())).collect()
        };
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) = self.page(ctx, &["GetVpcLinks"], &asked, rows.into_iter())?;
        Ok(GetVpcLinksResponse { items: Some(items), next_token })
    }
}

fn check_domain(name: &DomainName) -> Result<(), ApiError> {
    if let Some(tags) = &name.tags {
        tags::check(tags)?;
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if !name.domain_name.split('.').all(label) {
        return Err(errors::bad_request(format!(
            "The provided domain name is not valid: {}",
            name.domain_name
        )));
    }
    if name.mutual_tls_authentication.as_ref().is_some_and(|tls| tls.truststore_uri.is_some()) {
        return Err(errors::not_built("mutual TLS of domain names"));
    }
    if name.routing_mode.as_deref().is_some_and(|mode| mode != "API_MAPPING_ONLY") {
        return Err(errors::not_built("routing rules of domain names"));
    }
    Ok(())
}

/// What a domain name has that nobody asked for.
fn complete(ctx: &Context, name: &mut DomainName) {
    let region = ctx.region.as_str();
    name.api_mapping_selection_expression = Some("$request.basepath".to_owned());
    name.routing_mode.get_or_insert_with(|| "API_MAPPING_ONLY".to_owned());
    name.domain_name_arn =
        ctx.arn("apigateway", &format!("/domainnames/{}", name.domain_name)).ok().map(|arn| arn.to_string());
    name.tags.get_or_insert_default();
    for one in name.domain_name_configurations.iter_mut().flatten() {
        one.endpoint_type.get_or_insert_with(|| "REGIONAL".to_owned());
        one.security_policy.get_or_insert_with(|| "TLS_1_2".to_owned());
        one.ip_address_type.get_or_insert_with(|| "ipv4".to_owned());
        one.domain_name_status.get_or_insert_with(|| "AVAILABLE".to_owned());
        one.hosted_zone_id.get_or_insert_with(|| HOSTED_ZONE.to_owned());
        one.api_gateway_domain_name
            .get_or_insert_with(|| format!("d-{}.execute-api.{region}.{}", id(10), suffix(region)));
    }
}
