"""What a handler is told about its invocation, as AWS's `context` argument names it."""

import os
import sys
import time


class Function:
    """What a context says of the function: looked up once, every look costs."""

    def __init__(self):
        env = os.environ
        self.log_group_name = env.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = env.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = env.get("AWS_LAMBDA_FUNCTION_VERSION")


class LambdaContext:
    """The second argument of every handler."""

    def __init__(self, function, headers, client_context, cognito_identity, log):
        self.aws_request_id = headers.get("lambda-runtime-aws-request-id")
        self.log_group_name = function.log_group_name
        self.log_stream_name = function.log_stream_name
        self.function_name = function.function_name
        self.memory_limit_in_mb = function.memory_limit_in_mb
        self.function_version = function.function_version
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self.client_context = ClientContext.of(client_context)
        self.identity = CognitoIdentity(cognito_identity or {})
        self._epoch_deadline_time_in_ms = int(headers.get("lambda-runtime-deadline-ms", 0))
        self._log = log

    def get_remaining_time_in_millis(self):
        """Milliseconds until the invocation is stopped; never negative."""
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def log(self, msg):
        """Writes to the function's log as it is."""
        if self._log is None:
            sys.stdout.write(str(msg))
        else:
            self._log(str(msg))

    def __repr__(self):
        shown = ",".join(
            f"{name}={getattr(self, name)}"
            for name in (
                "aws_request_id",
                "log_group_name",
                "log_stream_name",
                "function_name",
                "memory_limit_in_mb",
                "function_version",
                "invoked_function_arn",
                "client_context",
                "identity",
                "tenant_id",
            )
        )
        return f"{type(self).__name__}([{shown}])"


class _Slots:
    __slots__ = ()

    def __repr__(self):
        shown = ",".join(f"{name}={getattr(self, name)}" for name in self.__slots__)
        return f"{type(self).__name__}([{shown}])"


class CognitoIdentity(_Slots):
    """Who called through Amazon Cognito."""

    __slots__ = ["cognito_identity_id", "cognito_identity_pool_id"]

    def __init__(self, given):
        self.cognito_identity_id = given.get("cognitoIdentityId")
        self.cognito_identity_pool_id = given.get("cognitoIdentityPoolId")


class Client(_Slots):
    """The calling mobile application."""

    __slots__ = ["installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"]


class ClientContext(_Slots):
    """What a client sent along with its call."""

    __slots__ = ["custom", "env", "client"]

    @classmethod
    def of(cls, given):
        """None stays None."""
        if given is None:
            return None
        return _fill(cls(), given, {"client": lambda client: _fill(Client(), client, {})})


def _fill(target, given, inner):
    if given is None:
        return None
    for name in target.__slots__:
        value = given.get(name)
        setattr(target, name, inner[name](value) if name in inner else value)
    return target
