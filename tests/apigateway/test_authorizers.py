"""Who may come in: JSON web tokens, Lambda authorizers of both formats, signatures."""

import base64
import http.server
import json
import threading
import time

import pytest
import rsa

from harness import raw
from harness.http_apis import api_maker, function_maker, proxy

# Says what the token in the header says; tells in the context how often this very environment was asked.
SIMPLE = """
import json
asked = 0
def handler(event, context):
    global asked
    asked += 1
    token = event["identitySource"][0]
    if token == "fail":
        raise ValueError("no")
    return {"isAuthorized": token.startswith("good"), "context": {"asked": asked, "arn": event["routeArn"]}}
"""
POLICY = """
def handler(event, context):
    resource = event["methodArn"].replace("/deep", "/*") if event["identitySource"] == "all" else event["methodArn"]
    effect = "Deny" if event["authorizationToken"] == "bad" else "Allow"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {
        "principalId": "somebody",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"colour": "red"},
    }
"""


def encoded(value) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """An issuer of tokens with its keys."""

    def __init__(self):
        public, self.private = rsa.newkeys(2048, accurate=False)
        number = lambda n: encoded(n.to_bytes((n.bit_length() + 7) // 8, "big"))  # noqa: E731
        self.kid, self.fetched = "one", 0
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == "/.well-known/openid-configuration":
                    answer = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}
                else:
                    issuer.fetched += 1
                    key = {"kty": "RSA", "n": number(public.n), "e": number(public.e), "use": "sig", "kid": issuer.kid}
                    answer = {"keys": [key]}
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, change=None, head=None) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": "me", "exp": now + 600, "scope": "read write", "groups": ["a", "b"]}
        claims = {key: value for key, value in {**claims, **(change or {})}.items() if value is not None}
        signed = f"{encoded({'alg': 'RS256', 'kid': self.kid, **(head or {})})}.{encoded(claims)}"
        return f"{signed}.{encoded(rsa.sign(signed.encode(), self.private, 'SHA-256'))}"


@pytest.fixture(scope="module")
def issuer():
    made = Issuer()
    yield made
    made.server.shutdown()
    made.server.server_close()


def guarded(server, name, says, authorizer: dict, kind: str, route_options: dict | None = None):
    """An API whose route `GET /deep` and `$default` an authorizer guards."""
    api = api_maker(server, name)({})
    client = server.client("apigatewayv2")
    made = client.create_authorizer(ApiId=api.api, Name="a", **authorizer)["AuthorizerId"]
    target = client.create_integration(ApiId=api.api, **proxy(says))["IntegrationId"]
    for key in ["GET /deep", "$default"]:
        client.create_route(
            ApiId=api.api,
            RouteKey=key,
            Target=f"integrations/{target}",
            AuthorizationType=kind,
            AuthorizerId=made,
            **((route_options or {}) if key == "GET /deep" else {}),
        )
    api.authorizer = made
    return api


@pytest.fixture
def with_tokens(moln, name, says, issuer):
    authorizer = {
        "AuthorizerType": "JWT",
        "IdentitySource": ["$request.header.Authorization"],
        "JwtConfiguration": {"Issuer": issuer.url, "Audience": ["me", "you"]},
    }
    return guarded(moln, name, says, authorizer, "JWT", {"AuthorizationScopes": ["write", "admin"]})


def test_a_token_lets_in_and_its_claims_are_told(with_tokens, issuer):
    for prefix in ["Bearer ", "bearer ", ""]:
        event = with_tokens.event("GET", "/deep", {"Authorization": prefix + issuer.token()})
    jwt = event["requestContext"]["authorizer"]["jwt"]
    assert jwt["claims"]["iss"] == issuer.url
    assert jwt["claims"]["groups"] == "[a b]"
    assert jwt["claims"]["exp"].isdigit()
    assert jwt["scopes"] == ["write"]
    assert (
        with_tokens.event("GET", "/", {"Authorization": issuer.token()})["requestContext"]["authorizer"]["jwt"][
            "scopes"
        ]
        is None
    )


@pytest.mark.parametrize(
    "change",
    [{"iss": "http://other"}, {"aud": "them"}, {"aud": None}, {"exp": 1}, {"exp": None}, {"nbf": 9_999_999_999}],
)
def test_a_token_that_is_not_for_us_keeps_out(with_tokens, issuer, change):
    answer = with_tokens("GET", "/", headers={"Authorization": issuer.token(change)})
    assert (answer.status, answer.json()) == (401, {"message": "Unauthorized"})
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_token_nobody_signed_keeps_out(with_tokens, issuer):
    good = issuer.token()
    signed, _, signature = good.rpartition(".")
    for bad in [
        None,
        "x",
        f"{signed}.{signature[:-8]}AAAAAAAA",
        f"{signed}.",
        issuer.token(head={"alg": "none"}),
        issuer.token(head={"alg": "HS256"}),
        issuer.token(head={"kid": "nobody"}),
    ]:
        answer = with_tokens("GET", "/", headers={"Authorization": bad} if bad else {})
        assert (answer.status, answer.json()) == (401, {"message": "Unauthorized"}), bad


def test_a_token_without_the_scope_is_forbidden(with_tokens, issuer):
    answer = with_tokens("GET", "/deep", headers={"Authorization": issuer.token({"scope": "read"})})
    assert (answer.status, answer.json()) == (403, {"message": "Forbidden"})
    client = {"Authorization": issuer.token({"aud": None, "client_id": "you", "scope": None, "scp": ["admin"]})}
    assert with_tokens("GET", "/deep", headers=client).status == 200


def test_an_issuers_keys_are_kept(with_tokens, issuer):
    for _ in range(3):
        with_tokens.event("GET", "/", {"Authorization": issuer.token()})
    fetched = issuer.fetched
    with_tokens.event("GET", "/", {"Authorization": issuer.token()})
    assert issuer.fetched == fetched


def test_tokens_end_by_the_clock(movable, name, issuer):
    says = function_maker(movable, name)()
    authorizer = {
        "AuthorizerType": "JWT",
        "IdentitySource": ["$request.querystring.token"],
        "JwtConfiguration": {"Issuer": issuer.url, "Audience": ["me"]},
    }
    api = guarded(movable, name, says, authorizer, "JWT")
    # Other tests moved this clock: what it says now is what tokens are judged by.
    now = api_maker(movable, name)({"$default": proxy(says)}).event("GET", "/")["requestContext"]["timeEpoch"] // 1000
    token = issuer.token({"exp": now + 600})
    assert api("GET", f"/?token={token}").status == 200
    movable.advance("11m")
    assert api("GET", f"/?token={token}").status == 401


def test_a_function_says_who_may_come_in(moln, name, says, new_function):
    authorizer = {
        "AuthorizerType": "REQUEST",
        "AuthorizerUri": new_function(SIMPLE),
        "AuthorizerPayloadFormatVersion": "2.0",
        "EnableSimpleResponses": True,
        "IdentitySource": ["$request.header.Token"],
    }
    api = guarded(moln, name, says, authorizer, "CUSTOM")
    event = api.event("GET", "/deep", {"Token": "good"})
    context = event["requestContext"]["authorizer"]["lambda"]
    assert context["arn"] == f"arn:aws:execute-api:us-east-1:000000000000:{api.api}/$default/GET/deep"
    for token, status, words in [
        ("bad", 403, "Forbidden"),
        (None, 401, "Unauthorized"),
        ("fail", 500, "Internal Server Error"),
    ]:
        answer = api("GET", "/deep", headers={"Token": token} if token else {})
        assert (answer.status, answer.json()) == (status, {"message": words})


def test_what_a_function_said_counts_for_a_while(movable, name):
    make = function_maker(movable, name)
    authorizer = {
        "AuthorizerType": "REQUEST",
        "AuthorizerUri": make(SIMPLE),
        "AuthorizerPayloadFormatVersion": "2.0",
        "EnableSimpleResponses": True,
        "IdentitySource": ["$request.header.Token"],
        "AuthorizerResultTtlInSeconds": 300,
    }
    api = guarded(movable, name, make(), authorizer, "CUSTOM")

    def asked(token):
        return api.event("GET", "/", {"Token": token})["requestContext"]["authorizer"]["lambda"]["asked"]

    assert [asked("good"), asked("good"), asked("good2"), asked("good")] == [1, 1, 2, 1]
    movable.client("apigatewayv2").reset_authorizers_cache(ApiId=api.api, StageName="$default")
    assert asked("good") == 3
    movable.advance("6m")
    assert asked("good") != 3


def test_a_function_may_answer_with_a_policy(moln, name, says, new_function):
    authorizer = {
        "AuthorizerType": "REQUEST",
        "AuthorizerUri": new_function(POLICY),
        "AuthorizerPayloadFormatVersion": "1.0",
        "IdentitySource": ["$request.header.Token"],
        "AuthorizerResultTtlInSeconds": 300,
    }
    api = guarded(moln, name, says, authorizer, "CUSTOM")
    event = api.event("GET", "/deep", {"Token": "one"})
    assert event["requestContext"]["authorizer"]["lambda"] == {"colour": "red"}
    # The policy that is remembered names one route only.
    assert api("GET", "/other", headers={"Token": "one"}).status == 403
    assert api("GET", "/deep", headers={"Token": "all"}).status == 200
    assert api("GET", "/other", headers={"Token": "all"}).status == 200
    assert api("GET", "/deep", headers={"Token": "bad"}).status == 403


def test_a_signature_lets_in(moln, new_api, says):
    api = new_api({"$default": {**proxy(says), "Route": {"AuthorizationType": "AWS_IAM"}}})
    assert api("GET", "/").json() == {"message": "Forbidden"}
    url = f"{moln.url}/_aws/execute-api/{api.api}/$default/x"
    answer = raw.send_signed("GET", url, service="execute-api")
    assert answer.status == 200, answer.text
    assert answer.json()["requestContext"]["authorizer"]["iam"]["accountId"] == "000000000000"
    assert raw.send_signed("GET", url, service="execute-api", key="111122223333").status == 403
