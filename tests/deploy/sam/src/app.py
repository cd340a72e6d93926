import os


def handler(event, context):
    return {"hello": event["pathParameters"]["name"], "queue": os.environ["JOBS"]}


def work(event, context):
    for record in event["Records"]:
        print("worked on", record["body"])
