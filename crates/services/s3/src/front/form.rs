//! Uploads by a browser's form.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html>

use std::collections::BTreeMap;

use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, ETAG, LOCATION},
    request::Parts,
};
use moln_kernel::{ApiError, Context};
use moln_wire::{ByteStream, ReadShape, Shape, site::Welcoming, xml};

use super::place;
use crate::{
    Buckets, acl,
    api::objects::{
        describe::{Description, check_key},
        lists::encoded,
        puts::Storing,
    },
    content::{checksum::Algorithm, cipher::KeyHeaders, claims::Claims, receive::Source},
    errors, limits,
    model::{PutObjectOutput, Tagging},
    notification::Event,
    objects::conditions::WriteConditions,
    post::{
        form::{self, Form},
        policy::PostPolicy,
        signature,
    },
    tags,
};

impl Buckets {
    /// Takes a form's file in.
    pub(super) async fn form(
        &self,
        ctx: &Context,
        head: &Parts,
        body: ByteStream,
        boundary: &str,
    ) -> Result<Response<ByteStream>, ApiError> {
        let bucket = self.bucket(place(head).0, None)?;
        let mut form = form::read(body, boundary).await?;
        let key = form.field("key").ok_or_else(|| {
            let words = "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the \
                         fields.";
            errors::invalid_argument(words, "key", "")
        })?;
        let name = form.file_name.as_deref().map(|name| name.rsplit(['/', '\\']).next().unwrap_or(name));
        let key = match name {
            Some(name) => key.replace("${filename}", name),
            None => key.to_owned(),
        };
        check_key(&key)?;
        let mut ctx = ctx.clone();
        let policy = match form.field("policy") {
            Some(text) => {
                let welcoming = head.extensions.get::<Welcoming>().is_some();
                self.sign_in(&mut ctx, &form, text, welcoming)?;
                let policy = PostPolicy::parse(text)?;
                policy.check(&form, &bucket.name, ctx.now)?;
                Some(policy)
            }
            None => None,
        };
        self.permit_write(&ctx, &bucket, &key)?;
        let mut described = describe(&form).check(&ctx, &bucket)?;
        described.tags = form.field("tagging").map(tagging).transpose()?.unwrap_or_default();
        let claims = Claims::read(
            form.field("content-md5"),
            form.field("x-amz-checksum-algorithm"),
            Algorithm::ALL.map(|algorithm| form.field(algorithm.header())),
            None,
        )?;
        let status = form.field("success_action_status").map(str::to_owned);
        let redirect = form.field("success_action_redirect").or_else(|| form.field("redirect"));
        let redirect = redirect.map(str::to_owned);
        let mut file = std::mem::replace(&mut form.file, form::File::ended());
        file.limit(policy);
        let storing = Storing {
            key: &key,
            source: Source::Form(Box::new(file)),
            claims,
            algorithm: Algorithm::Crc64Nvme,
            most: limits::UPLOAD,
            conditions: WriteConditions::default(),
            event: Event::CreatedPost,
            operation: "PostObject",
        };
        let stored = self.store(&ctx, &bucket, described, storing).await?;
        Ok(answer(&ctx, head, &bucket.name, &key, &stored, status.as_deref(), redirect.as_deref()))
    }

    /// Finds out who signed the form's policy. `welcoming`: also with a key nobody knows.
    fn sign_in(&self, ctx: &mut Context, form: &Form, policy: &str, welcoming: bool) -> Result<(), ApiError> {
        let signed = signature::Signed::read(form)?;
        let known = self.ports.credentials.as_ref().and_then(|all| all.find(signed.access_key()));
        match known {
            Some(credential) => {
                signed.verify(&credential.secret, policy)?;
                let token = credential.session_token.as_deref();
                if token.is_some() && token != form.field("x-amz-security-token") {
                    return Err(errors::other(
                        403,
                        "InvalidToken",
                        "The provided token is malformed or otherwise invalid.",
                    ));
                }
                ctx.account = credential.account;
                ctx.principal = credential.principal;
            }
            None if welcoming => {
                let account = moln_kernel::AccountId::parse(signed.access_key());
                ctx.account = account.unwrap_or_else(|| ctx.account.clone());
                ctx.principal = moln_kernel::Principal::Account(ctx.account.clone());
            }
            None => {
                let words = "The AWS Access Key Id you provided does not exist in our records.";
                let error = errors::other(403, "InvalidAccessKeyId", words);
                return Err(errors::with(error, "AWSAccessKeyId", signed.access_key()));
            }
        }
        Ok(())
    }
}

fn describe(form: &Form) -> Description<'_> {
    let metadata: BTreeMap<String, String> = form
        .fields()
        .filter_map(|(name, value)| Some((name.strip_prefix("x-amz-meta-")?.to_owned(), value.to_owned())))
        .collect();
    Description {
        headers: vec![
            ("cache-control", form.field("cache-control")),
            ("content-disposition", form.field("content-disposition")),
            ("content-encoding", form.field("content-encoding")),
            ("content-type", form.field("content-type")),
            ("expires", form.field("expires")),
        ],
        metadata: Some(metadata),
        storage_class: form.field("x-amz-storage-class"),
        redirect: form.field("x-amz-website-redirect-location"),
        encryption: form.field("x-amz-server-side-encryption"),
        kms_key: form.field("x-amz-server-side-encryption-aws-kms-key-id"),
        kms_context: form.field("x-amz-server-side-encryption-context"),
        bucket_key: form.field("x-amz-server-side-encryption-bucket-key-enabled").map(|on| on == "true"),
        customer: KeyHeaders {
            algorithm: form.field("x-amz-server-side-encryption-customer-algorithm"),
            key: form.field("x-amz-server-side-encryption-customer-key"),
            md5: form.field("x-amz-server-side-encryption-customer-key-md5"),
        },
        acl: acl::Wish { canned: form.field("acl"), ..acl::Wish::default() },
        ..Description::default()
    }
}

/// The field `tagging`: a document, not a query as in the header.
fn tagging(text: &str) -> Result<Vec<(String, String)>, ApiError> {
    let document = xml::parse(text.as_bytes()).map_err(|_| errors::malformed_xml())?;
    let read = Tagging::read(&mut xml::XmlReader::new(&document, Tagging::schema()));
    let set = read.map_err(|_| errors::malformed_xml())?.tag_set;
    tags::check(&set, limits::OBJECT_TAGS)?;
    Ok(set.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

fn answer(
    ctx: &Context,
    head: &Parts,
    bucket: &str,
    key: &str,
    stored: &PutObjectOutput,
    status: Option<&str>,
    redirect: Option<&str>,
) -> Response<ByteStream> {
    let etag = stored.e_tag.clone().unwrap_or_default();
    let path = place_of_object(head, bucket, key);
    let location = format!("{}://{}{path}", ctx.endpoint.scheme, ctx.endpoint.authority);
    let mut response = Response::new(ByteStream::default());
    let (code, to) = match redirect.filter(|to| to.starts_with("http://") || to.starts_with("https://")) {
        Some(to) => {
            let mark = if to.contains('?') { '&' } else { '?' };
            let tag = encoded(&etag);
            (StatusCode::SEE_OTHER, format!("{to}{mark}bucket={bucket}&key={}&etag={tag}", encoded(key)))
        }
        None if status == Some("200") => (StatusCode::OK, location.clone()),
        None if status == Some("201") => (StatusCode::CREATED, location.clone()),
        None => (StatusCode::NO_CONTENT, location.clone()),
    };
    *response.status_mut() = code;
    if code == StatusCode::CREATED {
        let mut body = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse>".to_vec();
        for (name, value) in [("Location", &*location), ("Bucket", bucket), ("Key", key), ("ETag", &*etag)] {
            body.extend_from_slice(format!("<{name}>").as_bytes());
            xml::escape(&mut body, value);
            body.extend_from_slice(format!("</{name}>").as_bytes());
        }
        body.extend_from_slice(b"</PostResponse>");
        *response.body_mut() = body.into();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    }
    let mut header = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    header(LOCATION, &to);
    header(ETAG, &etag);
    if let Some(version) = &stored.version_id {
        header(HeaderName::from_static("x-amz-version-id"), version);
    }
    if let Some(encryption) = &stored.server_side_encryption {
        header(HeaderName::from_static("x-amz-server-side-encryption"), encryption);
    }
    response
}

/// The object's path below the host that was posted to, which may be the bucket's own.
fn place_of_object(head: &Parts, bucket: &str, key: &str) -> String {
    let host = head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if host.starts_with(&format!("{bucket}.")) {
        return format!("/{}", encoded(key));
    }
    format!("/{bucket}/{}", encoded(key))
}
