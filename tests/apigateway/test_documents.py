"""APIs of OpenAPI documents and of CloudFormation templates, and what the API refuses."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

from harness.http_apis import Http, proxy


def document(function: str) -> dict:
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": function, "payloadFormatVersion": "2.0"}
    return {
        "openapi": "3.0.1",
        "info": {"title": "imported", "version": "7"},
        "paths": {
            "/pets/{id}": {
                "get": {"operationId": "pet", "x-amazon-apigateway-integration": integration},
                "x-amazon-apigateway-any-method": {
                    "security": [{"signed": []}],
                    "x-amazon-apigateway-integration": integration,
                },
            },
            "/$default": {
                "x-amazon-apigateway-any-method": {
                    "isDefaultRoute": True,
                    "x-amazon-apigateway-integration": {"$ref": "#/components/x-amazon-apigateway-integrations/one"},
                }
            },
        },
        "components": {
            "securitySchemes": {
                "signed": {
                    "type": "apiKey",
                    "name": "Authorization",
                    "in": "header",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                }
            },
            "x-amazon-apigateway-integrations": {"one": integration},
        },
        "x-amazon-apigateway-cors": {"allowOrigins": ["*"]},
        "tags": [{"name": "colour", "x-amazon-apigateway-tag-value": "red"}],
    }


def test_documents_become_apis_and_come_back(apis, moln, says):
    made = apis.import_api(Body=json.dumps(document(says)))
    assert (made["Name"], made["Version"], made["Tags"]) == ("imported", "7", {"colour": "red"})
    assert made["CorsConfiguration"] == {"AllowOrigins": ["*"]}
    api = made["ApiId"]
    routes = {route["RouteKey"]: route for route in apis.get_routes(ApiId=api)["Items"]}
    assert sorted(routes) == ["$default", "ANY /pets/{id}", "GET /pets/{id}"]
    assert routes["ANY /pets/{id}"]["AuthorizationType"] == "AWS_IAM"
    assert routes["GET /pets/{id}"]["OperationName"] == "pet"
    apis.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    assert Http(moln, api).event("GET", "/pets/1")["pathParameters"] == {"id": "1"}
    for kind in ["JSON", "YAML"]:
        exported = apis.export_api(ApiId=api, Specification="OAS30", OutputType=kind)["body"].read().decode()
        again = apis.reimport_api(ApiId=api, Body=exported)
        assert again["ApiId"] == api
        keys = {route["RouteKey"]: route["AuthorizationType"] for route in apis.get_routes(ApiId=api)["Items"]}
        assert keys == {"$default": "NONE", "ANY /pets/{id}": "AWS_IAM", "GET /pets/{id}": "NONE"}
    assert Http(moln, api).event("GET", "/pets/1")["pathParameters"] == {"id": "1"}


def test_documents_that_are_none_are_refused(apis):
    for body in ["{", "a: [", '{"swagger": "2.0"}', '{"openapi": "3.0.1", "paths": {}}']:
        with pytest.raises(ClientError) as refused:
            apis.import_api(Body=body)
        assert refused.value.response["Error"]["Code"] == "BadRequestException"


def test_quick_create(apis, moln, says, new_function):
    made = apis.create_api(Name="quick", ProtocolType="HTTP", Target=says)
    api = made["ApiId"]
    assert made["ApiEndpoint"] == f"https://{api}.execute-api.us-east-1.amazonaws.com"
    assert Http(moln, api).event("GET", "/any/where")["routeKey"] == "$default"
    other = new_function("def handler(event, context):\n    return 'other'\n")
    apis.update_api(ApiId=api, Target=other, RouteKey="GET /only")
    assert Http(moln, api)("GET", "/only").body == b"other"
    assert Http(moln, api)("GET", "/any/where").status == 404


TEMPLATE = {
    "Resources": {
        "Api": {
            "Type": "AWS::ApiGatewayV2::Api",
            "Properties": {"Name": "stacked", "ProtocolType": "HTTP", "Tags": {"a": "b"}},
        },
        "Stage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "StageName": "$default",
                "AutoDeploy": True,
                "DefaultRouteSettings": {"DetailedMetricsEnabled": False},
            },
        },
        "Integration": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": "FUNCTION",
                "PayloadFormatVersion": "2.0",
                "TimeoutInMillis": "30000",
            },
        },
        "Route": {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "RouteKey": "POST /",
                "OperationName": "first",
                "Target": {"Fn::Join": ["/", ["integrations", {"Ref": "Integration"}]]},
            },
        },
    },
    "Outputs": {"Url": {"Value": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}}, "Id": {"Value": {"Ref": "Api"}}},
}


def test_stacks_make_change_and_remove_apis(moln, apis, says):
    stacks = moln.client("cloudformation")
    stack = f"api-{uuid.uuid4().hex[:8]}"
    text = json.dumps(TEMPLATE).replace("FUNCTION", says)
    stacks.create_stack(StackName=stack, TemplateBody=text)
    stacks.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    [described] = stacks.describe_stacks(StackName=stack)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    api = outputs["Id"]
    assert outputs["Url"] == f"https://{api}.execute-api.us-east-1.amazonaws.com"
    http = Http(moln, api)
    said = json.dumps("hello").encode()
    json_type = {"Content-Type": "application/json"}
    assert http("POST", "/", said, json_type).body == b"hello"
    changed = json.loads(text)
    changed["Resources"]["Route"]["Properties"]["RouteKey"] = "PUT /there"
    del changed["Resources"]["Route"]["Properties"]["OperationName"]
    stacks.update_stack(StackName=stack, TemplateBody=json.dumps(changed))
    stacks.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    [route] = apis.get_routes(ApiId=api)["Items"]
    assert (route["RouteKey"], "OperationName" in route) == ("PUT /there", False)
    assert http("PUT", "/there", said, json_type).body == b"hello"
    assert http("POST", "/", said, json_type).status == 404
    stacks.delete_stack(StackName=stack)
    stacks.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    with pytest.raises(apis.exceptions.NotFoundException):
        apis.get_api(ApiId=api)


def refusal(call, **parameters) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_what_is_not_right_is_refused_in_awss_words(apis, new_api, says):
    gone = ("NotFoundException", "Invalid API identifier specified 000000000000:nosuchapi1")
    assert refusal(apis.get_api, ApiId="nosuchapi1") == gone
    assert refusal(apis.delete_api, ApiId="nosuchapi1") == gone
    assert refusal(apis.create_stage, ApiId="nosuchapi1", StageName="a") == gone
    api = new_api({"GET /a/{id}": proxy(says)}).api
    assert refusal(apis.create_route, ApiId=api, RouteKey="GET /a/{other}") == (
        "ConflictException",
        "Route with key GET /a/{other} already exists for this API",
    )
    assert refusal(apis.create_route, ApiId=api, RouteKey="get /b")[0] == "BadRequestException"
    assert refusal(apis.create_route, ApiId=api, RouteKey="GET /b", Target="integrations/x")[0] == "BadRequestException"
    assert refusal(apis.create_stage, ApiId=api, StageName="$default") == ("ConflictException", "Stage already exists")
    target = apis.get_integrations(ApiId=api)["Items"][0]["IntegrationId"]
    assert refusal(apis.delete_integration, ApiId=api, IntegrationId=target)[0] == "ConflictException"
    assert refusal(apis.list_portals)[0] == "NotImplemented"


def test_lists_have_pages_and_tags_are_told(apis, new_api, says):
    api = new_api({f"GET /{n}": proxy(says) for n in range(5)}).api
    pages = apis.get_paginator("get_routes").paginate(ApiId=api, PaginationConfig={"PageSize": 2})
    keys = [route["RouteKey"] for page in pages for route in page["Items"]]
    assert sorted(keys) == [f"GET /{n}" for n in range(5)]
    arn = f"arn:aws:apigateway:us-east-1::/apis/{api}"
    apis.tag_resource(ResourceArn=arn, Tags={"a": "1", "b": "2"})
    apis.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert apis.get_tags(ResourceArn=arn)["Tags"] == {"b": "2"}
    assert apis.get_api(ApiId=api)["Tags"] == {"b": "2"}
