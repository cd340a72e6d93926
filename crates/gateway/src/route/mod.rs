//! Which service, protocol and operation a request is for.
//!
//! Known from the services' models: `X-Amz-Target`, RPC v2 paths, the credential scope, the host, the query protocol's
//! `Action`, REST routes. What models cannot tell (a service's older host names, paths without any other mark) a
//! [`Registration`] adds. Routing happens in two steps, since the limit of a body depends on the service, and the
//! operation may stand in the body: [`Router::service`] then [`Router::operation`].

mod action;
mod host;

use std::{collections::HashMap, sync::Arc};

use http::{Method, request::Parts};
use moln_kernel::{ApiError, encoding::percent_decode};
use moln_wire::{
    Operation, Protocol, Service, ServiceModel,
    server::{Routes, operation_index},
    site::Site,
};

use crate::{names, sigv4::Presented};
pub use host::{HostName, without_port};

/// Default limit of a request's body: every AWS service without streaming stays under it (Lambda's 6 MB, `DynamoDB`'s
/// 16 MB batches).
pub const DEFAULT_BODY_LIMIT: usize = 16 << 20;

/// A service with what its model does not tell.
pub struct Registration {
    service: Arc<dyn Service>,
    aliases: &'static [&'static str],
    claims: fn(&Parts) -> bool,
    body_limit: usize,
    open: bool,
    raw: fn(&Parts) -> bool,
}

impl Registration {
    /// A service that is found by its model alone.
    pub fn new(service: Arc<dyn Service>) -> Self {
        Self {
            service,
            aliases: &[],
            claims: |_| false,
            body_limit: DEFAULT_BODY_LIMIT,
            open: false,
            raw: |_| false,
        }
    }
    /// Further names it has in hosts (`queue` for SQS).
    pub fn aliases(mut self, names: &'static [&'static str]) -> Self {
        self.aliases = names;
        self
    }
    /// Tells requests that are its own by their path, when nothing else names a service.
    pub fn claims(mut self, claims: fn(&Parts) -> bool) -> Self {
        self.claims = claims;
        self
    }
    /// The service judges by itself who may come in without a signature, and which pages may call (S3: policies, CORS).
    /// A signature that is there is verified all the same.
    pub fn open(mut self) -> Self {
        self.open = true;
        self
    }
    /// Tells requests that are no modelled operation and that the service answers by itself
    /// ([`moln_wire::Hooks::raw`]); their bodies stream.
    pub fn raw(mut self, raw: fn(&Parts) -> bool) -> Self {
        self.raw = raw;
        self
    }
    /// The longest body in bytes; a longer one is refused with 413 before it is read.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }
}

/// Finds services and operations.
pub struct Router {
    services: Vec<Registration>,
    by_target: HashMap<&'static str, usize>,
    hosts: Vec<(String, usize)>,
    sites: Vec<Arc<dyn Site>>,
    /// The operations of each service, for those that speak REST.
    routes: Vec<Routes>,
}

/// What the head of a request tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Addressed<'a> {
    /// The service's number.
    pub service: Option<usize>,
    /// The region of the host, when it names one.
    pub region: Option<&'a str>,
    /// The bucket, when the host names one.
    pub bucket: Option<&'a str>,
    /// How the operation is named.
    mark: Mark<'a>,
}

/// How a request names its operation.
#[derive(Clone, Copy, Debug, Default)]
enum Mark<'a> {
    /// `X-Amz-Target: Prefix.Operation`.
    Target(&'a str),
    /// `smithy-protocol: rpc-v2-cbor`, `/service/S/operation/O`.
    Cbor(&'a str),
    /// In `Action`, or by method and path.
    #[default]
    Elsewhere,
}

/// A request that knows where it goes.
#[derive(Debug)]
pub struct Routed {
    /// The service's number.
    pub service: usize,
    /// How it speaks.
    pub protocol: Protocol,
    /// Index in the model's operations.
    pub operation: usize,
}

/// A request nobody answers.
#[derive(Debug)]
pub enum Lost {
    /// Answered with an error in a protocol's form.
    Error(Protocol, Option<&'static ServiceModel>, ApiError),
    /// AWS's bare `<UnknownOperationException/>`, 404: nothing says which protocol the client speaks.
    UnknownOperation,
}

impl Router {
    /// A router for these services. Where two have the same name, the first one has it.
    pub fn new(services: Vec<Registration>) -> Self {
        let mut by_target = HashMap::new();
        let mut hosts = Vec::new();
        for (index, entry) in services.iter().enumerate() {
            let model = entry.service.model();
            if let Some(prefix) = model.target_prefix {
                by_target.entry(prefix).or_insert(index);
            }
            for name in [model.endpoint_prefix, model.signing_name].iter().chain(entry.aliases) {
                if !hosts.iter().any(|(known, _)| known == name) {
                    hosts.push(((*name).to_owned(), index));
                }
            }
        }
        hosts.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        let routes = services.iter().map(|entry| Routes::new(entry.service.model())).collect();
        Self { services, by_target, hosts, sites: Vec::new(), routes }
    }

    /// Sites are asked first, in this order, for every request.
    pub fn sites(mut self, sites: Vec<Arc<dyn Site>>) -> Self {
        self.sites = sites;
        self
    }

    /// The site a request is for.
    pub fn site(&self, head: &Parts, authority: &str) -> Option<&Arc<dyn Site>> {
        self.sites.iter().find(|site| site.owns(head, authority))
    }

    /// Whether the service judges by itself who may come in unsigned, and which pages may call.
    pub fn is_open(&self, service: Option<usize>) -> bool {
        service.and_then(|number| self.services.get(number)).is_some_and(|entry| entry.open)
    }

    /// Whether the service answers this request by itself, without an operation.
    pub fn is_raw(&self, service: Option<usize>, head: &Parts) -> bool {
        service.and_then(|number| self.services.get(number)).is_some_and(|entry| (entry.raw)(head))
    }

    /// The services' models, in the order of their numbers.
    pub fn models(&self) -> impl Iterator<Item = &'static ServiceModel> {
        self.services.iter().map(|entry| entry.service.model())
    }

    /// The service of this number.
    pub fn get(&self, number: usize) -> Option<&Arc<dyn Service>> {
        self.services.get(number).map(|entry| &entry.service)
    }

    /// The longest body the service takes, in bytes.
    pub fn body_limit(&self, service: Option<usize>) -> usize {
        service
            .and_then(|number| self.services.get(number))
            .map_or(DEFAULT_BODY_LIMIT, |entry| entry.body_limit)
    }

    /// What the head tells.
    pub fn service<'a>(
        &self,
        head: &'a Parts,
        authority: &'a str,
        signed: Option<&Presented<'_>>,
    ) -> Addressed<'a> {
        let host = HostName::parse(authority, &self.hosts);
        let region = host.region;
        if let Some(target) = head.headers.get(&names::TARGET).and_then(|value| value.to_str().ok()) {
            let (prefix, operation) = target.rsplit_once('.').unwrap_or((target, ""));
            let service = self.by_target.get(prefix).copied();
            return Addressed { service, region, bucket: None, mark: Mark::Target(operation) };
        }
        if head.headers.get(&names::PROTOCOL).is_some_and(|value| value == "rpc-v2-cbor")
            && let Some((name, operation)) = rpc_path(head.uri.path())
        {
            let service = self.by_target.get(name).copied();
            return Addressed { service, region, bucket: None, mark: Mark::Cbor(operation) };
        }
        let scope = signed.and_then(|claims| self.by_scope(&claims.service, host.service));
        // A signed request for a service that is not here must not fall to the one whose path it resembles.
        let service = match signed {
            Some(_) => scope.or(host.service),
            None => host.service.or_else(|| self.services.iter().position(|entry| (entry.claims)(head))),
        };
        let buckets = service.and_then(|number| self.model(number)).is_some_and(|model| model.buckets);
        let bucket = if !buckets {
            None
        } else if host.service.is_some() {
            host.prefix
        } else {
            host::bucket(authority)
        };
        Addressed { service, region, bucket, mark: Mark::Elsewhere }
    }

    /// The protocol a request seems to speak, for errors before its operation is known.
    pub fn guess(&self, addressed: &Addressed<'_>, head: &Parts, body: &[u8]) -> Protocol {
        let query = head.uri.query().unwrap_or_default();
        match addressed.mark {
            Mark::Target(_) if action::content_type(&head.headers) == Some("application/x-amz-json-1.1") => {
                Protocol::Json11
            }
            Mark::Target(_) => Protocol::Json10,
            Mark::Cbor(_) => Protocol::RpcV2Cbor,
            Mark::Elsewhere => {
                let model = addressed.service.and_then(|service| self.model(service));
                let has_action =
                    [query.as_bytes(), body].iter().any(|raw| action::form_value(raw, "Action").is_some());
                let rest = |p: &&Protocol| matches!(p, Protocol::RestJson | Protocol::RestXml);
                let by_route = model.and_then(|model| model.protocols.iter().find(rest));
                let declared = head.headers.contains_key(http::header::CONTENT_TYPE);
                let query = model.is_none_or(|model| model.protocols.contains(&Protocol::Query));
                if query && (has_action || (declared && action::is_form(&head.headers))) {
                    Protocol::Query
                } else {
                    by_route.copied().unwrap_or(Protocol::Query)
                }
            }
        }
    }

    /// Several services may share a signing name; the host decides between them, else the first.
    fn by_scope(&self, scope: &str, host: Option<usize>) -> Option<usize> {
        let has = |number: &usize| {
            self.services.get(*number).is_some_and(|s| s.service.model().signing_name == scope)
        };
        host.filter(has).or_else(|| (0..self.services.len()).find(has))
    }

    /// Whether the operation takes its body as a stream.
    pub fn streams(&self, routed: &Routed) -> bool {
        let model = self.model(routed.service);
        model.and_then(|model| model.operations.get(routed.operation)).is_some_and(Operation::streams_in)
    }

    /// The operation's name, of services that speak REST with JSON.
    pub fn name_of(&self, routed: &Routed) -> Option<&'static str> {
        let model = self.model(routed.service).filter(|_| routed.protocol == Protocol::RestJson)?;
        model.operations.get(routed.operation).map(|operation| operation.name)
    }

    /// The operation where it does not stand in the body: of services that speak REST alone.
    pub fn early(&self, addressed: &Addressed<'_>, head: &Parts) -> Option<Routed> {
        let rest = |p: &Protocol| matches!(p, Protocol::RestJson | Protocol::RestXml);
        let service = addressed.service.filter(|_| matches!(addressed.mark, Mark::Elsewhere))?;
        let only_rest = self.model(service).is_some_and(|model| model.protocols.iter().all(rest));
        only_rest.then(|| self.by_route(service, head).ok()).flatten()
    }

    /// The operation, once the body is there.
    pub fn operation(
        &self,
        addressed: &Addressed<'_>,
        head: &Parts,
        body: &[u8],
        signed: Option<&Presented<'_>>,
    ) -> Result<Routed, Lost> {
        match addressed.mark {
            Mark::Target(operation) => self.by_target(addressed.service, operation, head),
            Mark::Cbor(operation) => match addressed.service {
                None => Err(no_service(
                    Protocol::RpcV2Cbor,
                    rpc_path(head.uri.path()).map_or("", |(name, _)| name),
                )),
                Some(service) => self.named(service, Protocol::RpcV2Cbor, operation),
            },
            Mark::Elsewhere => self.by_action_or_route(addressed.service, head, body, signed),
        }
    }

    fn by_target(&self, service: Option<usize>, operation: &str, head: &Parts) -> Result<Routed, Lost> {
        let protocol = match action::content_type(&head.headers) {
            Some("application/x-amz-json-1.1") => Protocol::Json11,
            Some("application/x-amz-json-1.0" | "application/json") | None => Protocol::Json10,
            Some(_) => return Err(Lost::UnknownOperation),
        };
        let Some(service) = service else {
            let target =
                head.headers.get(&names::TARGET).and_then(|value| value.to_str().ok()).unwrap_or_default();
            return Err(no_service(protocol, target.split('.').next().unwrap_or_default()));
        };
        // Clients that send the other JSON version are answered in the service's own.
        let own = |p: &&Protocol| matches!(p, Protocol::Json10 | Protocol::Json11);
        let protocols = self.model(service).map_or(&[][..], |model| model.protocols);
        let protocol =
            if protocols.contains(&protocol) { Some(&protocol) } else { protocols.iter().find(own) };
        match protocol {
            Some(protocol) => self.named(service, *protocol, operation),
            None => Err(Lost::UnknownOperation),
        }
    }

    fn by_action_or_route(
        &self,
        service: Option<usize>,
        head: &Parts,
        body: &[u8],
        signed: Option<&Presented<'_>>,
    ) -> Result<Routed, Lost> {
        let query = head.uri.query().unwrap_or_default();
        let form = if action::is_form(&head.headers) { body } else { &[] };
        let find =
            |name| action::form_value(query.as_bytes(), name).or_else(|| action::form_value(form, name));
        let query_like = head.method == Method::GET || head.method == Method::POST;
        if let Some(action) = find("Action").filter(|_| query_like) {
            let service = service.or_else(|| self.by_version(&action, find("Version").as_deref()));
            return match service {
                Some(service) if self.speaks(service, Protocol::Query) => {
                    self.named(service, Protocol::Query, &action)
                }
                // A REST service that happens to have a parameter named Action.
                Some(service) => self.by_route(service, head),
                None => Err(no_service(Protocol::Query, signed.map_or("", |claims| &claims.service))),
            };
        }
        match service {
            Some(service) => self.by_route(service, head),
            None => match signed {
                Some(claims) => Err(no_service(Protocol::RestJson, &claims.service)),
                None => Err(Lost::UnknownOperation),
            },
        }
    }

    /// An unsigned query without a service's host: the one that has this action in this version.
    fn by_version(&self, action: &str, version: Option<&str>) -> Option<usize> {
        self.services.iter().position(|entry| {
            let model = entry.service.model();
            version.is_none_or(|version| version == model.api_version)
                && model.protocols.contains(&Protocol::Query)
                && operation_index(model, action).is_some()
        })
    }

    fn by_route(&self, service: usize, head: &Parts) -> Result<Routed, Lost> {
        let Some(model) = self.model(service) else { return Err(Lost::UnknownOperation) };
        let rest = |p: &&Protocol| matches!(p, Protocol::RestJson | Protocol::RestXml);
        let Some(protocol) = model.protocols.iter().find(rest) else { return Err(Lost::UnknownOperation) };
        let (method, path, query) = (head.method.as_str(), head.uri.path(), head.uri.query());
        let found = self.routes.get(service).and_then(|it| it.find(method, path, query, &head.headers));
        let Some(operation) = found else {
            if model.buckets {
                return Err(Lost::Error(*protocol, Some(model), nothing_there(head)));
            }
            let error = ApiError::sender("UnknownOperationException", "").with_status(404);
            return Err(Lost::Error(*protocol, Some(model), error));
        };
        Ok(Routed { service, protocol: *protocol, operation })
    }

    fn named(&self, service: usize, protocol: Protocol, operation: &str) -> Result<Routed, Lost> {
        let Some(model) = self.model(service) else { return Err(Lost::UnknownOperation) };
        if !model.protocols.contains(&protocol) {
            return Err(Lost::UnknownOperation);
        }
        match operation_index(model, operation) {
            Some(operation) => Ok(Routed { service, protocol, operation }),
            None => Err(Lost::Error(protocol, Some(model), unknown_operation(protocol, operation))),
        }
    }

    fn model(&self, service: usize) -> Option<&'static ServiceModel> {
        self.services.get(service).map(|entry| entry.service.model())
    }

    fn speaks(&self, service: usize, protocol: Protocol) -> bool {
        self.model(service).is_some_and(|model| model.protocols.contains(&protocol))
    }
}

/// S3's answer to methods it does not know at a place.
fn nothing_there(head: &Parts) -> ApiError {
    if std::str::from_utf8(&percent_decode(head.uri.path().as_bytes(), false)).is_ok() {
        let words = "The specified method is not allowed against this resource.";
        let mut error = ApiError::sender("MethodNotAllowed", words).with_status(405);
        error.members.push(("Method", head.method.as_str().to_owned()));
        let is_object =
            head.uri.path().trim_start_matches('/').split_once('/').is_some_and(|(_, key)| !key.is_empty());
        error.members.push(("ResourceType", if is_object { "OBJECT" } else { "BUCKET" }.to_owned()));
        return error;
    }
    ApiError::sender("InvalidURI", "Couldn't parse the specified URI.")
}

fn unknown_operation(protocol: Protocol, operation: &str) -> ApiError {
    if protocol == Protocol::Query {
        let shown: String = operation.chars().take(200).collect();
        return ApiError::sender(
            "InvalidAction",
            format!("The action {shown} is not valid for this endpoint."),
        );
    }
    // AWS answers 400 without a message for JSON, 404 for RPC v2.
    let status = if protocol == Protocol::RpcV2Cbor { 404 } else { 400 };
    ApiError::sender("UnknownOperationException", "").with_status(status)
}

fn no_service(protocol: Protocol, name: &str) -> Lost {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
    let message = if shown.is_empty() {
        "Moln could not tell which service this request is for.".to_owned()
    } else {
        format!("Moln does not implement the service '{shown}' yet.")
    };
    let error =
        ApiError { fault: moln_kernel::Fault::Receiver, ..ApiError::sender("NotImplemented", message) };
    Lost::Error(protocol, None, error.with_status(501))
}

/// `/service/NAME/operation/OPERATION`.
fn rpc_path(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("/service/")?.split_once("/operation/")
}

#[cfg(test)]
mod tests;
