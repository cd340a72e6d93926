//! A server, called as any AWS client would call it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use moln_gateway::sigv4::{Signer, sign};
use moln_kernel::{Clock as _, SystemClock, encoding::percent_encode_into};
use moln_wire::xml;
use roxmltree::{Document, Node};
use serde_json::Value;

use crate::{
    client::{Server, signer, whole},
    failure::Failure,
};

/// What a service answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON; `Null` when it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as XML.
    pub(crate) fn xml(&self) -> Result<Document<'_>, Failure> {
        xml::parse(&self.body).map_err(|_| Failure::new("the answer is no XML: is that a server of Moln?"))
    }
}

/// One account's and region's services of a server.
pub(crate) struct Aws<'s> {
    pub(crate) server: &'s Server,
    pub(crate) region: String,
}

/// The region that the environment names.
pub(crate) fn region_of_environment() -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"))
}

impl<'s> Aws<'s> {
    /// In the region that the environment names, else `us-east-1`.
    pub(crate) fn of_environment(server: &'s Server) -> Self {
        Self { server, region: region_of_environment().unwrap_or_else(|| "us-east-1".to_owned()) }
    }

    /// Sends a signed request to a service. A development server takes any key, and without one `test` signs.
    pub(crate) async fn send(
        &self,
        service: &str,
        method: Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let bad = || Failure::usage("a name cannot be used in a request.");
        let mut request = self.server.unsigned(method.clone(), path, &body)?;
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).map_err(|_| bad())?;
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        let signer = signer().unwrap_or_else(|| Signer {
            access_key: "test".into(),
            secret: "test".into(),
            region: String::new(),
            service: String::new(),
        });
        let signer = Signer { region: self.region.clone(), service: service.to_owned(), ..signer };
        let uri: Uri = request.uri().clone();
        sign(&signer, &method, &uri, request.headers_mut(), &body, SystemClock::default().now());
        let response = self.server.send(request).await?;
        let (head, body) = response.into_parts();
        Ok(Answer { status: head.status, headers: head.headers, body: whole(body).await? })
    }

    /// Calls an operation of an AWS JSON service; `operation` is the value of `X-Amz-Target`.
    pub(crate) async fn json(
        &self,
        service: &str,
        operation: &str,
        input: &Value,
    ) -> Result<(StatusCode, Value), Failure> {
        let headers = [
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", operation.to_owned()),
        ];
        let answer = self.send(service, Method::POST, "/", &headers, Bytes::from(input.to_string())).await?;
        Ok((answer.status, answer.json()))
    }

    /// Calls an operation of CloudFormation.
    pub(crate) async fn stacks(&self, action: &str, input: &[(String, String)]) -> Result<Answer, Refusal> {
        let mut body = form(&[
            ("Action".to_owned(), action.to_owned()),
            ("Version".to_owned(), "2010-05-15".to_owned()),
        ]);
        if !input.is_empty() {
            body.push('&');
            body.push_str(&form(input));
        }
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
        let answer = self.send("cloudformation", Method::POST, "/", &headers, Bytes::from(body)).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let document = answer.xml()?;
        let said = |name| find(document.root_element(), name).map(str::to_owned).unwrap_or_default();
        Err(Refusal::Said { status: answer.status, code: said("Code"), message: said("Message") })
    }

    /// Puts an object; its name holds letters, digits, `-`, `/`, `.` alone.
    pub(crate) async fn put_object(&self, bucket: &str, key: &str, body: Bytes) -> Result<(), Failure> {
        let answer = self.send("s3", Method::PUT, &format!("/{bucket}/{key}"), &payload(), body).await?;
        self.fine(&answer)
    }

    /// Whether an object is there.
    pub(crate) async fn has_object(&self, bucket: &str, key: &str) -> Result<bool, Failure> {
        let path = format!("/{bucket}/{key}");
        let answer = self.send("s3", Method::HEAD, &path, &payload(), Bytes::new()).await?;
        Ok(answer.status.is_success())
    }

    /// Makes a bucket, unless it is there.
    pub(crate) async fn bucket(&self, bucket: &str) -> Result<(), Failure> {
        let path = format!("/{bucket}");
        let there = self.send("s3", Method::HEAD, &path, &payload(), Bytes::new()).await?;
        if there.status.is_success() {
            return Ok(());
        }
        let body = if self.region == "us-east-1" {
            String::new()
        } else {
            format!(
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{}\
                 </LocationConstraint></CreateBucketConfiguration>",
                self.region
            )
        };
        let answer = self.send("s3", Method::PUT, &path, &payload(), Bytes::from(body)).await?;
        self.fine(&answer)
    }

    /// The caller's account.
    pub(crate) async fn account(&self) -> Result<String, Failure> {
        let headers = [("content-type", "application/x-www-form-urlencoded".to_owned())];
        let body = Bytes::from_static(b"Action=GetCallerIdentity&Version=2011-06-15");
        let answer = self.send("sts", Method::POST, "/", &headers, body).await?;
        self.fine(&answer)?;
        let document = answer.xml()?;
        let account = find(document.root_element(), "Account").map(str::to_owned);
        account.ok_or_else(|| Failure::new("the server does not say whose account this is."))
    }

    fn fine(&self, answer: &Answer) -> Result<(), Failure> {
        if answer.status.is_success() {
            return Ok(());
        }
        let document = xml::parse(&answer.body).ok();
        let said = document.as_ref().and_then(|document| find(document.root_element(), "Message"));
        Err(self.server.refused(answer.status, &serde_json::json!({ "message": said })))
    }
}

/// Why CloudFormation did not do what it was asked.
pub(crate) enum Refusal {
    /// It said why.
    Said { status: StatusCode, code: String, message: String },
    /// It was not reached.
    Failed(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Refusal {
    /// For the person.
    pub(crate) fn failure(self) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::Said { status, code, message } => {
                Failure::new(format!("CloudFormation refused ({status}, {code}): {message}"))
            }
        }
    }
}

/// Bodies of S3's requests are covered by the signature only as far as their digest is sent; TLS and checksums do the rest.
fn payload() -> [(&'static str, String); 1] {
    [("x-amz-content-sha256", "UNSIGNED-PAYLOAD".to_owned())]
}

/// The text of the first element of that name, in document order.
pub(crate) fn find<'d>(node: Node<'d, 'd>, name: &str) -> Option<&'d str> {
    node.descendants()
        .find(|child| child.tag_name().name() == name)
        .map(|child| child.text().unwrap_or_default())
}

/// The text of a child.
pub(crate) fn child<'d>(node: Node<'d, 'd>, name: &str) -> Option<&'d str> {
    node.children()
        .find(|child| child.tag_name().name() == name)
        .map(|child| child.text().unwrap_or_default())
}

/// The members of a list below a node.
pub(crate) fn members<'d>(node: Node<'d, 'd>, list: &str) -> Vec<Node<'d, 'd>> {
    let list = node.descendants().find(|child| child.tag_name().name() == list);
    list.map(|list| list.children().filter(|child| child.tag_name().name() == "member").collect())
        .unwrap_or_default()
}

/// `a=1&b=2`, percent-encoded.
fn form(pairs: &[(String, String)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        percent_encode_into(&mut out, name.as_bytes(), b"");
        out.push('=');
        percent_encode_into(&mut out, value.as_bytes(), b"");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded() {
        let pairs = [("A".to_owned(), "1 2".to_owned()), ("B.member.1".to_owned(), "ü&=".to_owned())];
        assert_eq!(form(&pairs), "A=1%202&B.member.1=%C3%BC%26%3D");
    }

    #[test]
    fn lists_are_found() {
        let text = "<R><L><member><A>1</A></member><member><A>2</A></member></L></R>";
        let document = xml::parse(text.as_bytes()).unwrap();
        let found: Vec<_> =
            members(document.root_element(), "L").into_iter().map(|m| child(m, "A").unwrap()).collect();
        assert_eq!(found, ["1", "2"]);
    }
}
