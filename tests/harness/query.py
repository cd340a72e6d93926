"""The old query protocol of SQS, spoken by hand: signed form posts in, XML out."""

import xml.etree.ElementTree as ET
from urllib.parse import urlencode

from .raw import Reply, send_signed

NAMESPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"


class QueryError(Exception):
    """An `<ErrorResponse>`."""

    def __init__(self, reply: Reply):
        self.reply = reply
        root = strip_namespaces(ET.fromstring(reply.body))
        assert root.tag == "ErrorResponse", reply.body
        self.type = root.findtext("Error/Type")
        self.code = root.findtext("Error/Code")
        self.message = root.findtext("Error/Message")
        self.request_id = root.findtext("RequestId")
        self.status = reply.status
        super().__init__(f"{self.status} {self.code}: {self.message}")


def strip_namespaces(root: ET.Element) -> ET.Element:
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


class QueryClient:
    """`call("SendMessage", QueueUrl=…)` returns the `<SendMessageResult>` element, or the whole response without one."""

    def __init__(self, url: str, region: str = "us-east-1", key: str = "test", secret: str = "test"):
        self.url, self.region, self.key, self.secret = url, region, key, secret

    def call(self, action: str, at: str | None = None, method: str = "POST", **params) -> ET.Element:
        """`at` posts to that URL (a queue's own) in place of the endpoint."""
        reply = self.reply(action, at=at, method=method, **params)
        if reply.status != 200:
            raise QueryError(reply)
        assert reply.headers["content-type"].startswith("text/xml"), reply.headers
        root = ET.fromstring(reply.body)
        assert root.tag == f"{NAMESPACE}{action}Response", root.tag
        root = strip_namespaces(root)
        request_id = root.findtext("ResponseMetadata/RequestId")
        assert request_id and request_id == reply.headers["x-amzn-requestid"]
        result = root.find(f"{action}Result")
        return root if result is None else result

    def reply(self, action: str, at: str | None = None, method: str = "POST", **params) -> Reply:
        fields = {"Action": action, "Version": "2012-11-05"} | {
            name.replace("_", "."): str(v) for name, v in params.items()
        }
        target = at or f"{self.url}/"
        if method == "GET":
            return send_signed(
                "GET", f"{target}?{urlencode(fields)}", b"", {}, region=self.region, key=self.key, secret=self.secret
            )
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        return send_signed(
            "POST", target, urlencode(fields).encode(), headers, region=self.region, key=self.key, secret=self.secret
        )


def pairs(parent: ET.Element, tag: str, key: str = "Name", value: str = "Value") -> dict[str, str]:
    """Flattened maps: `<Attribute><Name/><Value/></Attribute>…` as a dict."""
    return {entry.findtext(key): entry.findtext(value) for entry in parent.findall(tag)}
