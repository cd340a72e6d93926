//! Access control lists: canned ones, grants in headers, grants in documents.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html>

use moln_kernel::{ApiError, encoding::hex};
use sha2::{Digest, Sha256};

use crate::{
    errors, limits,
    model::{AccessControlPolicy, Grant, Grantee, Owner},
};

/// The rule that switches access control lists off, which new buckets have.
pub(crate) const ENFORCED: &str = "BucketOwnerEnforced";
/// Every rule of ownership.
pub(crate) const OWNERSHIPS: [&str; 3] = ["BucketOwnerPreferred", "ObjectWriter", ENFORCED];

/// Everyone, signed or not.
pub(crate) const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
/// Everyone who signs.
pub(crate) const AUTHENTICATED_USERS: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
/// Server access logging.
pub(crate) const LOG_DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";

const PERMISSIONS: [&str; 5] = ["FULL_CONTROL", "READ", "READ_ACP", "WRITE", "WRITE_ACP"];

/// An account's canonical user id: 64 hexadecimal digits, the same for ever.
pub(crate) fn canonical_id(account: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(b"canonical user of account ");
    digest.update(account.as_bytes());
    hex(&digest.finalize())
}

/// An account as an owner.
pub(crate) fn owner(account: &str) -> Owner {
    Owner { id: Some(canonical_id(account)), display_name: None }
}

/// What a request's headers wish.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish<'a> {
    /// `x-amz-acl`
    pub(crate) canned: Option<&'a str>,
    /// `x-amz-grant-full-control` …
    pub(crate) full_control: Option<&'a str>,
    pub(crate) read: Option<&'a str>,
    pub(crate) read_acp: Option<&'a str>,
    pub(crate) write: Option<&'a str>,
    pub(crate) write_acp: Option<&'a str>,
}

impl Wish<'_> {
    fn headers(&self) -> [(&'static str, &'static str, Option<&str>); 5] {
        [
            ("x-amz-grant-full-control", "FULL_CONTROL", self.full_control),
            ("x-amz-grant-read", "READ", self.read),
            ("x-amz-grant-read-acp", "READ_ACP", self.read_acp),
            ("x-amz-grant-write", "WRITE", self.write),
            ("x-amz-grant-write-acp", "WRITE_ACP", self.write_acp),
        ]
    }

    /// Whether there is any.
    pub(crate) fn is_some(&self) -> bool {
        self.canned.is_some() || self.has_grants()
    }

    fn has_grants(&self) -> bool {
        self.headers().iter().any(|(_, _, value)| value.is_some())
    }
}

fn group(uri: &str) -> Grantee {
    Grantee { r#type: "Group".into(), uri: Some(uri.into()), ..Grantee::default() }
}

fn user(id: String) -> Grantee {
    Grantee { r#type: "CanonicalUser".into(), id: Some(id), ..Grantee::default() }
}

fn grant(grantee: Grantee, permission: &str) -> Grant {
    Grant { grantee: Some(grantee), permission: Some(permission.into()) }
}

/// The list a bucket or object has that nobody gave one.
pub(crate) fn private(account: &str) -> AccessControlPolicy {
    AccessControlPolicy {
        grants: Some(vec![grant(user(canonical_id(account)), "FULL_CONTROL")]),
        owner: Some(owner(account)),
    }
}

/// The list a bucket gets by headers; `None` when they wish none.
pub(crate) fn of_bucket(wish: &Wish<'_>, account: &str) -> Result<Option<AccessControlPolicy>, ApiError> {
    resolve(wish, account, account, false)
}

/// The list an object gets by headers; `bucket_account` owns the bucket.
pub(crate) fn of_object(
    wish: &Wish<'_>,
    account: &str,
    bucket_account: &str,
) -> Result<Option<AccessControlPolicy>, ApiError> {
    resolve(wish, account, bucket_account, true)
}

fn resolve(
    wish: &Wish<'_>,
    account: &str,
    bucket_account: &str,
    object: bool,
) -> Result<Option<AccessControlPolicy>, ApiError> {
    if wish.canned.is_some() && wish.has_grants() {
        return Err(errors::invalid_request("Specifying both Canned ACLs and Header Grants is not allowed"));
    }
    if let Some(canned) = wish.canned {
        let mut policy = private(account);
        let grants = policy.grants.get_or_insert_default();
        #[allow(clippy::match_same_arms)] // one entry for each list
        match canned {
            "private" => {}
            "public-read" => grants.push(grant(group(ALL_USERS), "READ")),
            "public-read-write" => {
                grants.push(grant(group(ALL_USERS), "READ"));
                grants.push(grant(group(ALL_USERS), "WRITE"));
            }
            "authenticated-read" => grants.push(grant(group(AUTHENTICATED_USERS), "READ")),
            "log-delivery-write" if !object => {
                grants.push(grant(group(LOG_DELIVERY), "WRITE"));
                grants.push(grant(group(LOG_DELIVERY), "READ_ACP"));
            }
            // Amazon EC2's reading of images: its own account, which nobody here is.
            "aws-exec-read" => {}
            "bucket-owner-read" if object && account != bucket_account => {
                grants.push(grant(user(canonical_id(bucket_account)), "READ"));
            }
            "bucket-owner-full-control" if object && account != bucket_account => {
                grants.push(grant(user(canonical_id(bucket_account)), "FULL_CONTROL"));
            }
            "bucket-owner-read" | "bucket-owner-full-control" => {}
            _ => return Err(errors::invalid_argument("", "x-amz-acl", canned)),
        }
        return Ok(Some(policy));
    }
    if !wish.has_grants() {
        return Ok(None);
    }
    let mut grants = Vec::new();
    for (header, permission, value) in wish.headers() {
        for part in value.into_iter().flat_map(|value| value.split(',')) {
            grants.push(grant(grantee(header, part.trim())?, permission));
        }
    }
    counted(grants.len())?;
    Ok(Some(AccessControlPolicy { grants: Some(grants), owner: Some(owner(account)) }))
}

/// `id="…"`, `uri="…"`, `emailAddress="…"`
fn grantee(header: &'static str, text: &str) -> Result<Grantee, ApiError> {
    let unknown = || errors::invalid_argument("Argument format not recognized", header, text);
    let (key, value) = text.split_once('=').ok_or_else(unknown)?;
    let value = value.trim().trim_matches(|c| c == '"' || c == '\'');
    match key.trim() {
        "uri" => known_group(value, "uri"),
        "id" => known_user(value, "id"),
        "emailAddress" => Err(unresolvable(value)),
        _ => Err(unknown()),
    }
}

fn known_group(uri: &str, argument: &str) -> Result<Grantee, ApiError> {
    if [ALL_USERS, AUTHENTICATED_USERS, LOG_DELIVERY].contains(&uri) {
        return Ok(group(uri));
    }
    Err(errors::invalid_argument("Invalid group uri", argument, uri))
}

fn known_user(id: &str, argument: &str) -> Result<Grantee, ApiError> {
    if id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(user(id.to_owned()));
    }
    Err(errors::invalid_argument("Invalid id", argument, id))
}

/// Accounts have no mail addresses here.
fn unresolvable(address: &str) -> ApiError {
    let words = "The e-mail address you provided does not match any account on record.";
    errors::with(errors::other(400, "UnresolvableGrantByEmailAddress", words), "EmailAddress", address)
}

fn counted(grants: usize) -> Result<(), ApiError> {
    if grants <= limits::GRANTS {
        return Ok(());
    }
    Err(errors::invalid_request(format!("The grant count exceeds the maximum of {}.", limits::GRANTS)))
}

/// The list of a request that sets one: by headers or by a document. `owner` owns what it is for.
pub(crate) fn asked(
    wish: &Wish<'_>,
    document: Option<AccessControlPolicy>,
    account: &str,
    bucket_account: &str,
    object: bool,
) -> Result<AccessControlPolicy, ApiError> {
    if wish.is_some() && document.is_some() {
        return Err(errors::other(400, "UnexpectedContent", "This request does not support content"));
    }
    if let Some(policy) = resolve(wish, account, bucket_account, object)? {
        return Ok(policy);
    }
    let Some(document) = document else {
        let error = errors::other(400, "MissingSecurityHeader", "Your request was missing a required header");
        return Err(errors::with(error, "MissingHeaderName", "x-amz-acl"));
    };
    checked(document, account)
}

fn checked(document: AccessControlPolicy, account: &str) -> Result<AccessControlPolicy, ApiError> {
    let malformed = || {
        errors::other(
            400,
            "MalformedACLError",
            "The XML you provided was not well-formed or did not validate against our published schema",
        )
    };
    let (Some(owner), Some(grants)) = (document.owner, document.grants) else { return Err(malformed()) };
    let id = owner.id.as_deref().ok_or_else(malformed)?;
    known_user(id, "CanonicalUser/ID")?;
    if id != canonical_id(account) {
        return Err(errors::access_denied());
    }
    counted(grants.len())?;
    let mut checked = Vec::with_capacity(grants.len());
    for given in grants {
        let permission =
            given.permission.filter(|p| PERMISSIONS.contains(&p.as_str())).ok_or_else(malformed)?;
        let grantee = given.grantee.ok_or_else(malformed)?;
        let grantee = match grantee.r#type.as_str() {
            "CanonicalUser" => known_user(&grantee.id.ok_or_else(malformed)?, "CanonicalUser/ID")?,
            "Group" => known_group(&grantee.uri.ok_or_else(malformed)?, "Group/URI")?,
            "AmazonCustomerByEmail" => {
                return Err(unresolvable(&grantee.email_address.ok_or_else(malformed)?));
            }
            _ => return Err(malformed()),
        };
        checked.push(grant(grantee, &permission));
    }
    Ok(AccessControlPolicy { grants: Some(checked), owner: Some(Owner { display_name: None, ..owner }) })
}

/// Whether a list lets everyone, or everyone who signs, do something.
pub(crate) fn is_public(policy: &AccessControlPolicy) -> bool {
    policy.grants.iter().flatten().any(|grant| {
        let uri = grant.grantee.as_ref().and_then(|grantee| grantee.uri.as_deref());
        matches!(uri, Some(ALL_USERS | AUTHENTICATED_USERS))
    })
}

/// Whether a list gives a permission to a caller; `account` is `None` for one who did not sign.
pub(crate) fn gives(policy: &AccessControlPolicy, account: Option<&str>, permission: &str) -> bool {
    let id = account.map(canonical_id);
    policy.grants.iter().flatten().any(|grant| {
        let has = matches!(grant.permission.as_deref(), Some(given) if given == permission || given == "FULL_CONTROL");
        let Some(grantee) = grant.grantee.as_ref().filter(|_| has) else { return false };
        match grantee.uri.as_deref() {
            Some(ALL_USERS) => true,
            Some(AUTHENTICATED_USERS) => account.is_some(),
            Some(_) => false,
            None => id.is_some() && grantee.id == id,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: &str = "000000000000";

    fn document(grants: Vec<Grant>) -> AccessControlPolicy {
        AccessControlPolicy { grants: Some(grants), owner: Some(owner(ME)) }
    }

    #[test]
    fn canned_lists_are_grants() {
        let public =
            of_bucket(&Wish { canned: Some("public-read"), ..Wish::default() }, ME).unwrap().unwrap();
        assert!(is_public(&public));
        assert!(gives(&public, None, "READ") && !gives(&public, None, "WRITE"));
        assert!(gives(&public, Some(ME), "WRITE_ACP") && !gives(&public, Some("1"), "WRITE_ACP"));
        assert_eq!(of_bucket(&Wish::default(), ME).unwrap(), None);
        let theirs = Wish { canned: Some("bucket-owner-full-control"), ..Wish::default() };
        let theirs = of_object(&theirs, "111111111111", ME).unwrap().unwrap();
        assert!(gives(&theirs, Some(ME), "READ"));
    }

    #[test]
    fn bad_wishes_are_refused() {
        let both = Wish { canned: Some("private"), read: Some("id=\"x\""), ..Wish::default() };
        assert_eq!(of_bucket(&both, ME).unwrap_err().code, "InvalidRequest");
        for (wish, words) in [
            (Wish { canned: Some("fake"), ..Wish::default() }, ""),
            (Wish { write: Some("fakekey=\"1\""), ..Wish::default() }, "Argument format not recognized"),
            (Wish { write: Some("uri=\"http://x\""), ..Wish::default() }, "Invalid group uri"),
            (Wish { write: Some("id=\"x\""), ..Wish::default() }, "Invalid id"),
        ] {
            assert_eq!(of_bucket(&wish, ME).unwrap_err().message, words);
        }
    }

    #[test]
    fn documents_are_checked() {
        let good = document(vec![grant(group(LOG_DELIVERY), "WRITE")]);
        assert_eq!(asked(&Wish::default(), Some(good.clone()), ME, ME, false).unwrap(), good);
        let code = |document| asked(&Wish::default(), document, ME, ME, false).unwrap_err().code;
        assert_eq!(code(None), "MissingSecurityHeader");
        assert_eq!(code(Some(AccessControlPolicy::default())), "MalformedACLError");
        assert_eq!(code(Some(document(vec![grant(group(ALL_USERS), "ALL")]))), "MalformedACLError");
        assert_eq!(code(Some(document(vec![grant(user("x".into()), "READ")]))), "InvalidArgument");
        let stranger = AccessControlPolicy { owner: Some(owner("1")), ..document(vec![]) };
        assert_eq!(code(Some(stranger)), "AccessDenied");
    }
}
