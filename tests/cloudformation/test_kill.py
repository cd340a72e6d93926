"""A server that is killed in the middle of deployments: they end as they must, nothing is left over or made twice, and what
is there has the properties of the state that the stack ended in.

Creations, creations that fail, updates, updates that fail, and deletions are killed: at a random moment, or at a random
commit. MOLN_DEPLOY_KILLS says how many servers die; a handful in CI."""

import io
import os
import random
import time
import zipfile

from botocore.exceptions import BotoCoreError

from harness.stacks import at_rest, events, template

KILLS = int(os.environ.get("MOLN_DEPLOY_KILLS", "9"))
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
PACKAGES = "packages"
# Commits until a server dies: an operation has about as many.
MOST_COMMITS = 60


def resource(kind: str, **properties) -> dict:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def attribute(path: str) -> dict:
    return {"Fn::GetAtt": path}


def shop(stack: str, version: int, fails: bool) -> str:
    """An application in its first or second version: what is changed, replaced, removed, added; what has a name of its own,
    what has a generated one, what has an id, and what is only a part of something else."""
    word = "one" if version == 1 else "two"
    function, api = {"Ref": "Work"}, {"Ref": "Api"}
    resources = {
        "Dead": resource("SQS::Queue"),
        "Jobs": resource(
            "SQS::Queue",
            VisibilityTimeout=40 + version,
            RedrivePolicy={"deadLetterTargetArn": attribute("Dead.Arn"), "maxReceiveCount": 3},
        ),
        "Named": resource("SQS::Queue", QueueName=f"{stack}-{word}"),
        "Files": resource(
            "S3::Bucket",
            VersioningConfiguration={"Status": "Enabled"},
            Tags=[{"Key": "version", "Value": word}],
        ),
        "Role": resource("IAM::Role", AssumeRolePolicyDocument=TRUST, Description=word),
        "Logs": resource("Logs::LogGroup", RetentionInDays=7 * version),
        "Count": resource(
            "Logs::MetricFilter",
            LogGroupName={"Ref": "Logs"},
            FilterPattern=word,
            MetricTransformations=[{"MetricName": "m", "MetricNamespace": "n", "MetricValue": "1"}],
        ),
        "Saved": resource("Logs::QueryDefinition", Name=f"{stack}-saved", QueryString=f"fields {word}"),
        "Layer": resource(
            "Lambda::LayerVersion",
            LayerName=f"{stack}-layer",
            Description=word,
            Content={"S3Bucket": PACKAGES, "S3Key": "layer.zip"},
        ),
        "Shared": resource(
            "Lambda::LayerVersionPermission",
            LayerVersionArn={"Ref": "Layer"},
            Action="lambda:GetLayerVersion",
            Principal="*",
        ),
        "Work": resource(
            "Lambda::Function",
            Runtime="python3.12",
            Handler="index.handler",
            Timeout=4 + version,
            Role=attribute("Role.Arn"),
            Layers=[{"Ref": "Layer"}],
            Environment={"Variables": {"QUEUE": {"Ref": "Named"}}},
            Code={"ZipFile": f"def handler(event, context):\n    return '{word}'\n"},
        ),
        "Mapping": resource(
            "Lambda::EventSourceMapping",
            FunctionName=function,
            EventSourceArn=attribute("Jobs.Arn"),
            BatchSize=version,
        ),
        "Retries": resource(
            "Lambda::EventInvokeConfig", FunctionName=function, Qualifier="$LATEST", MaximumRetryAttempts=version
        ),
        "Allow": resource(
            "Lambda::Permission",
            FunctionName=function,
            Action="lambda:InvokeFunction",
            Principal=["", "s3.amazonaws.com", "sns.amazonaws.com"][version],
        ),
        "Api": resource("ApiGatewayV2::Api", Name=f"{stack}-{word}", ProtocolType="HTTP"),
        "Proxy": resource(
            "ApiGatewayV2::Integration",
            ApiId=api,
            IntegrationType="AWS_PROXY",
            IntegrationUri=attribute("Work.Arn"),
            PayloadFormatVersion="2.0",
        ),
        "Route": resource(
            "ApiGatewayV2::Route",
            ApiId=api,
            RouteKey=f"GET /{word}",
            Target={"Fn::Join": ["/", ["integrations", {"Ref": "Proxy"}]]},
        ),
        "Stage": resource("ApiGatewayV2::Stage", ApiId=api, StageName="$default", AutoDeploy=True, Description=word),
    }
    gone, come = ("Goes", "Comes") if version == 1 else ("Comes", "Goes")
    resources[gone] = resource("SQS::Queue", DelaySeconds=version)
    assert come not in resources
    if fails:
        resources["Bad"] = resource("SQS::Queue", DelaySeconds=100_000) | {"DependsOn": list(resources)}
    return template(resources, {"Url": {"Value": {"Ref": "Named"}}})


def expected(stack: str, version: int) -> dict:
    """What `there` finds of a version."""
    if version == 0:
        return {}
    word = "one" if version == 1 else "two"
    extra = "Goes" if version == 1 else "Comes"
    return {
        "queues": sorted([("Dead", "30"), ("Jobs", str(40 + version)), (f"{stack}-{word}", "30"), (extra, "30")]),
        "buckets": [("files", "Enabled", word)],
        "roles": [("Role", word)],
        "groups": [("Logs", 7 * version, [word])],
        "saved": [(f"{stack}-saved", f"fields {word}")],
        "layers": [(f"{stack}-layer", [(word, 1)])],
        "functions": [("Work", 4 + version, f"{stack}-{word}", [version], 1, version)],
        "apis": [(f"{stack}-{word}", [f"GET /{word}"], ["AWS_PROXY"], [("$default", word)])],
    }


def logical(stack: str, name: str) -> str:
    """The logical id in a generated name, or the name."""
    rest = name.removeprefix(f"{stack}-")
    return rest.split("-")[0] if "-" in rest else name


def there(server, stack: str) -> dict:
    """Everything there is of the template's types, whoever made it, with what tells the versions apart."""
    sqs, s3, iam = server.client("sqs"), server.client("s3"), server.client("iam")
    logs, functions, apis = server.client("logs"), server.client("lambda"), server.client("apigatewayv2")
    found: dict = {kind: [] for kind in expected(stack, 1)}
    for url in sqs.list_queues().get("QueueUrls", []):
        timeout = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
        found["queues"].append((logical(stack, url.rsplit("/", 1)[1]), timeout["VisibilityTimeout"]))
    found["queues"].sort()
    for bucket in s3.list_buckets()["Buckets"]:
        if (name := bucket["Name"]) != PACKAGES:
            tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=name)["TagSet"]}
            status = s3.get_bucket_versioning(Bucket=name).get("Status")
            found["buckets"].append((logical(stack, name), status, tags["version"]))
    for role in iam.list_roles()["Roles"]:
        found["roles"].append((logical(stack, role["RoleName"]), role.get("Description")))
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        filters = logs.describe_metric_filters(logGroupName=name)["metricFilters"]
        patterns = [one["filterPattern"] for one in filters]
        found["groups"].append((logical(stack, name), group.get("retentionInDays"), patterns))
    for one in logs.describe_query_definitions()["queryDefinitions"]:
        found["saved"].append((one["name"], one["queryString"]))
    for layer in functions.list_layers()["Layers"]:
        versions = []
        for one in functions.list_layer_versions(LayerName=layer["LayerName"])["LayerVersions"]:
            policy = functions.get_layer_version_policy(LayerName=layer["LayerName"], VersionNumber=one["Version"])
            versions.append((one["Description"], policy["Policy"].count('"Sid"')))
        found["layers"].append((layer["LayerName"], versions))
    for one in functions.list_functions()["Functions"]:
        name = one["FunctionName"]
        mappings = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        statements = functions.get_policy(FunctionName=name)["Policy"].count('"Sid"')
        retries = functions.get_function_event_invoke_config(FunctionName=name)["MaximumRetryAttempts"]
        queue = one["Environment"]["Variables"]["QUEUE"].rsplit("/", 1)[1]
        sizes = [mapping["BatchSize"] for mapping in mappings]
        found["functions"].append((logical(stack, name), one["Timeout"], queue, sizes, statements, retries))
    for one in apis.get_apis()["Items"]:
        api = one["ApiId"]
        routes = [route["RouteKey"] for route in apis.get_routes(ApiId=api)["Items"]]
        kinds = [integration["IntegrationType"] for integration in apis.get_integrations(ApiId=api)["Items"]]
        stages = [(stage["StageName"], stage["Description"]) for stage in apis.get_stages(ApiId=api)["Items"]]
        found["apis"].append((one["Name"], routes, kinds, stages))
    return {kind: rows for kind, rows in found.items() if rows}


class Killer:
    """Makes calls, and kills the server once in each of them."""

    def __init__(self, server, dice: random.Random):
        self.server, self.dice = server, dice
        self.killed = 0
        self.longest = 0.3

    def during(self, call) -> None:
        """`call(client)` begins an operation under a token, so that it may be made again."""
        if self.dice.random() < 0.5:
            self.at_a_commit(call)
        else:
            self.at_a_moment(call)

    def at_a_moment(self, call) -> None:
        call(self.server.client("cloudformation"))
        time.sleep(self.dice.random() * self.longest)
        self.server.kill()
        self.killed += 1
        self.server.start()

    def at_a_commit(self, call) -> None:
        server, number = self.server, self.dice.randint(2, MOST_COMMITS)
        server.kill()
        server.extra_env["MOLN_FAILPOINTS"] = f"store.commit.after_sync=abort@{number}"
        server.start(wait=False)
        try:
            while server.is_running() and not server.is_healthy():
                time.sleep(0.01)
            client = server.client("cloudformation")
            stack = call(client)
            while server.is_running() and at_rest(client, stack) is None:
                pass
        except BotoCoreError:
            server.process.wait(10)
        self.killed += not server.is_running()
        server.kill()
        del server.extra_env["MOLN_FAILPOINTS"]
        server.start()
        # The caller was not answered, perhaps, and asks again.
        call(server.client("cloudformation"))


def test_killed_in_the_middle(fresh):
    seed = int(os.environ.get("MOLN_DEPLOY_SEED", random.randrange(1 << 30)))
    print(f"MOLN_DEPLOY_SEED={seed}")
    dice = random.Random(seed)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("python/layered.py", "")
    s3 = fresh.client("s3")
    s3.create_bucket(Bucket=PACKAGES)
    s3.put_object(Bucket=PACKAGES, Key="layer.zip", Body=content.getvalue())
    killer, turn, ends = Killer(fresh, dice), 0, []

    def operation(stack: str, version: int, end: str, call) -> None:
        killer.during(call)
        client = fresh.client("cloudformation")
        told = f"{stack}, which should be {end}; seed {seed}"
        state = at_rest(client, stacks[stack])
        happened = "\n".join(map(str, events(client, stacks[stack])))
        assert state["StackStatus"] == end, f"{told}:\n{happened}"
        assert there(fresh, stack) == expected(stack, version), f"{told}:\n{happened}"
        ends.append(end)

    while killer.killed < KILLS:
        stack, stacks = f"shop{turn}", {}

        def create(client, fails=False, stack=stack, stacks=stacks) -> str:
            options = {"Capabilities": ["CAPABILITY_IAM"], "ClientRequestToken": f"create-{fails}"}
            stacks[stack] = client.create_stack(StackName=stack, TemplateBody=shop(stack, 1, fails), **options)[
                "StackId"
            ]
            return stacks[stack]

        def update(client, fails=False, stack=stack, stacks=stacks) -> str:
            options = {"Capabilities": ["CAPABILITY_IAM"], "ClientRequestToken": f"update-{fails}"}
            client.update_stack(StackName=stack, TemplateBody=shop(stack, 2, fails), **options)
            return stacks[stack]

        def delete(client, stack=stack, stacks=stacks) -> str:
            client.delete_stack(StackName=stacks[stack])
            return stacks[stack]

        if turn % 3 == 2:
            operation(stack, 0, "ROLLBACK_COMPLETE", lambda client: create(client, True))
        else:
            operation(stack, 1, "CREATE_COMPLETE", create)
            operation(stack, 1, "UPDATE_ROLLBACK_COMPLETE", lambda client: update(client, True))
            operation(stack, 2, "UPDATE_COMPLETE", update)
        operation(stack, 0, "DELETE_COMPLETE", delete)
        turn += 1
    print(f"{killer.killed} servers killed: " + ", ".join(f"{end} {ends.count(end)}" for end in sorted(set(ends))))
