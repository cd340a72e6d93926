//! Queue URLs, in every style: `http://HOST/ACCOUNT/NAME`, `http://sqs.REGION.HOST/ACCOUNT/NAME`,
//! `http://REGION.queue.HOST/ACCOUNT/NAME`, `http://HOST/queue/REGION/ACCOUNT/NAME`, and a queue's bare name.

use std::sync::Arc;

use moln_kernel::{ApiError, Context};

use super::access;
use crate::{
    Queues, errors,
    live::{Queue, core::Address},
};

/// What a queue URL names; what it leaves out is the caller's own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct QueueUrl<'a> {
    pub(crate) region: Option<&'a str>,
    pub(crate) account: Option<&'a str>,
    pub(crate) name: &'a str,
}

/// Reads a URL; `None`: it names no queue.
pub(crate) fn parse(url: &str) -> Option<QueueUrl<'_>> {
    let (host, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?,
        None => ("", url),
    };
    let path = path.split(['?', '#']).next().unwrap_or(path).trim_matches('/');
    let mut parts = path.rsplit('/');
    let name = parts.next().filter(|name| !name.is_empty())?;
    let account = parts.next();
    let region = match (parts.next(), parts.next()) {
        (Some(region), Some("queue")) => Some(region),
        _ => None,
    };
    let mut labels = host.split('.');
    let region = region.or_else(|| match (labels.next(), labels.next(), labels.next()) {
        (Some("sqs"), Some(region), Some(_)) if region.contains('-') => Some(region),
        (Some(region), Some("queue"), Some(_)) => Some(region),
        _ => None,
    });
    Some(QueueUrl { region, account, name })
}

/// The URL of a queue, at the address the client used: so it can be reached.
pub(crate) fn url(ctx: &Context, address: &Address) -> String {
    let (scheme, host) = (ctx.endpoint.scheme, &ctx.endpoint.authority);
    let mut url = String::with_capacity(scheme.len() + host.len() + address.name.len() + 17);
    for part in [scheme, "://", host, "/", &address.account, "/", &address.name] {
        url.push_str(part);
    }
    url
}

impl Queues {
    /// The queue a request is about, when the caller may do this to it.
    pub(crate) fn queue(&self, ctx: &Context, url: &str, action: &str) -> Result<Arc<Queue>, ApiError> {
        if url.is_empty() {
            return Err(errors::missing_parameter("QueueUrl"));
        }
        let at = parse(url).ok_or_else(|| errors::invalid_address(url))?;
        let account = at.account.unwrap_or(ctx.account.as_str());
        let region = at.region.unwrap_or(ctx.region.as_str());
        let queue = self.core.find(account, region, at.name).ok_or_else(errors::queue_does_not_exist)?;
        if *queue.address.account != *ctx.account.as_str() {
            access::allow(ctx, &queue, action)?;
        }
        Ok(queue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_styles_are_read() {
        let (r, a, n) = (Some("eu-west-1"), Some("000000000000"), "q.fifo");
        for (url, region, account) in [
            ("http://127.0.0.1:4566/000000000000/q.fifo", None, a),
            ("http://sqs.eu-west-1.localhost.localstack.cloud:4566/000000000000/q.fifo", r, a),
            ("https://sqs.eu-west-1.amazonaws.com/000000000000/q.fifo/", r, a),
            ("http://eu-west-1.queue.localhost:4566/000000000000/q.fifo", r, a),
            ("https://eu-west-1.queue.amazonaws.com/000000000000/q.fifo", r, a),
            ("http://localhost:4566/queue/eu-west-1/000000000000/q.fifo", r, a),
            ("https://queue.amazonaws.com/000000000000/q.fifo", None, a),
            ("000000000000/q.fifo", None, a),
            ("q.fifo", None, None),
        ] {
            assert_eq!(parse(url), Some(QueueUrl { region, account, name: n }), "{url}");
        }
        for url in ["", "http://host", "http://host/", "/"] {
            assert_eq!(parse(url), None, "{url}");
        }
    }
}
