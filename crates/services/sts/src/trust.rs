//! Whether a role's trust policy lets someone take the role on.

use moln_kernel::{Context, ports::RoleFacts};
use moln_policy::{Decision, Document, Keys, Request, Who};

/// What is asked of a role.
pub(crate) struct Asked<'a> {
    pub(crate) ctx: &'a Context,
    /// A service that asks for itself; `None`: the caller of `ctx`.
    pub(crate) service: Option<&'a str>,
    pub(crate) role: &'a RoleFacts,
    pub(crate) keys: Keys,
}

impl Asked<'_> {
    /// Whether the trust policy allows the action (`sts:AssumeRole`).
    pub(crate) fn allows(&self, action: &str) -> bool {
        let Ok(document) = Document::parse(&self.role.trust) else { return false };
        let arns = moln_policy::arns(self.ctx);
        let who = match self.service {
            Some(service) => Who::Service(service),
            None => Who::calls(self.ctx, &arns),
        };
        let request = Request { who, action, resource: None, keys: &self.keys };
        document.judge(&request) == Decision::Allow
    }
}
