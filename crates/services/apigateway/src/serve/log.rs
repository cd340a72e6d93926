//! Access logs.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html>

use moln_kernel::{
    AccountId, ApiError, Region,
    ports::{LogLine, LogTarget},
};

use super::{
    exchange::{Answered, Exchange},
    mapping::Template,
};
use crate::{Apis, errors, limits, model::AccessLogSettings};

/// The log group of an ARN; `None`: it names something else.
fn group(arn: &str) -> Option<(AccountId, Region, &str)> {
    let mut fields = arn.splitn(7, ':');
    let (head, service) = (fields.next()?, fields.nth(1)?);
    let (region, account) = (fields.next()?, fields.next()?);
    if head != "arn" || service != "logs" || fields.next()? != "log-group" {
        return None;
    }
    let name = fields.next()?;
    let name = name.strip_suffix(":*").unwrap_or(name);
    (!name.is_empty()).then(|| (AccountId::new(account), Region::new(region), name))
}

/// Judges a stage's settings.
pub(crate) fn check(settings: &AccessLogSettings) -> Result<(), ApiError> {
    let bad = |words: &str| Err(errors::bad_request(words));
    let Some(arn) = &settings.destination_arn else {
        return bad("AccessLogSettings needs a DestinationArn");
    };
    if arn.contains(":firehose:") {
        return Err(errors::not_built("access logs to Firehose; a log group is there"));
    }
    if group(arn).is_none() {
        return bad(
            "Access Log destination must only contain characters a-z, A-Z, 0-9, '_', '-', '/', '.': '\u{23}' and must be \
             the ARN of a CloudWatch log group",
        );
    }
    let Some(format) = &settings.format else { return bad("AccessLogSettings needs a Format") };
    let template = Template::parse(format);
    if !template.variables().any(|name| matches!(name, "context.requestId" | "context.extendedRequestId")) {
        return bad(
            "AccessLog format must include at least $context.requestId or $context.extendedRequestId",
        );
    }
    if template.variables().any(|name| !name.starts_with("context.")) {
        return bad("AccessLog format may contain only $context variables");
    }
    Ok(())
}

impl Apis {
    /// Writes a stage's line of a request that was answered. A line that finds no room is dropped, as on AWS.
    pub(super) fn log(&self, exchange: &Exchange<'_>, answered: &Answered) {
        let Some(template) = &exchange.plan.log else { return };
        let mut line =
            template.fill("-", |name| exchange.context(name.strip_prefix("context.")?, Some(answered)));
        if line.len() > limits::LOG_ENTRY {
            let end = (0..=limits::LOG_ENTRY).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
            line.truncate(end);
        }
        self.write_line(exchange.plan, line);
    }

    /// Writes a line of a stage.
    pub(crate) fn write_line(&self, plan: &super::Plan, line: String) {
        let arn = plan.stage.access_log_settings.as_ref().and_then(|log| log.destination_arn.as_deref());
        let Some((account, region, group)) = arn.and_then(group) else { return };
        let now = self.clock.now();
        // AWS has streams of its servers; here a stage has one.
        let stage = plan.stage.stage_name.trim_start_matches('$');
        let target = LogTarget {
            account,
            region,
            group: group.into(),
            stream: format!("{}-{stage}", plan.api).into(),
        };
        let taken =
            self.ports.logs.write(&target, vec![LogLine { time: now, message: line.into(), chain: None }]);
        if !taken {
            tracing::debug!(group, "an access log line was dropped: the log's buffer is full");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_and_formats_are_judged() {
        let judge = |arn: &str, format: &str| {
            check(&AccessLogSettings { destination_arn: Some(arn.into()), format: Some(format.into()) })
        };
        let arn = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/http-api/x";
        assert!(judge(arn, "$context.requestId").is_ok());
        assert!(judge(&format!("{arn}:*"), "{\"id\":\"$context.requestId\"}").is_ok());
        assert!(judge(arn, "$context.path").is_err());
        assert!(judge(arn, "$context.requestId $request.header.x").is_err());
        assert!(judge("arn:aws:s3:::b", "$context.requestId").is_err());
        assert_eq!(group(&format!("{arn}:*")).unwrap().2, "/aws/http-api/x");
    }
}
