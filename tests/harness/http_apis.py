"""What the tests of HTTP and WebSocket APIs share: functions whose answer the request says, APIs that lead to them."""

import io
import json
import zipfile

from . import raw

ROLE = "arn:aws:iam::000000000000:role/r"
# What the body says is returned, or raised; without a body the event is.
SAYS = """
import base64, json
def handler(event, context):
    body = event.get("body")
    if not body:
        return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}
    answer = json.loads(base64.b64decode(body) if event["isBase64Encoded"] else body)
    if answer == "raise":
        raise ValueError("no")
    return answer
"""


def zipped(code: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("index.py", code)
    return out.getvalue()


class Http:
    """Requests to an API by its host."""

    def __init__(self, server, api: str):
        self.server, self.api = server, api
        self.host = f"{api}.execute-api.us-east-1.amazonaws.com"

    def __call__(self, method: str, path: str, body: bytes = b"", headers: dict | None = None, host=None, timeout=30):
        return raw.send(
            method, f"{self.server.url}{path}", body, {"Host": host or self.host, **(headers or {})}, timeout
        )

    def event(self, method: str, path: str, headers: dict | None = None, **options) -> dict:
        """The event that the echoing function got."""
        answer = self(method, path, headers=headers, **options)
        assert answer.status == 200, answer.text
        return answer.json()


def function_maker(server, name):
    functions = server.client("lambda")

    def make(code: str = SAYS, allowed: bool = True, **options) -> str:
        """Makes a function; gives its ARN."""
        made = functions.create_function(
            FunctionName=name("f"),
            Code={"ZipFile": zipped(code)},
            **{"Runtime": "python3.11", "Handler": "index.handler", "Role": ROLE, **options},
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=made["FunctionName"])
        if allowed:
            functions.add_permission(
                FunctionName=made["FunctionName"],
                StatementId="api",
                Action="lambda:InvokeFunction",
                Principal="apigateway.amazonaws.com",
            )
        return made["FunctionArn"]

    return make


def api_maker(server, name):
    client = server.client("apigatewayv2")

    def make(routes: dict[str, dict], stage: str = "$default", stage_options: dict | None = None, **options) -> Http:
        """Makes an API. A route is its key and the integration's parameters, `Route` holds those of the route itself."""
        api = client.create_api(Name=name("api"), ProtocolType="HTTP", **options)["ApiId"]
        for key, integration in routes.items():
            integration = dict(integration)
            route = integration.pop("Route", {})
            made = client.create_integration(ApiId=api, **integration)["IntegrationId"]
            client.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{made}", **route)
        client.create_stage(ApiId=api, StageName=stage, AutoDeploy=True, **(stage_options or {}))
        return Http(server, api)

    return make


def proxy(function: str, version: str = "2.0", **options) -> dict:
    """An integration with a function."""
    return {
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": function,
        "PayloadFormatVersion": version,
        **options,
    }


def says_json(value) -> bytes:
    return json.dumps(value).encode()
