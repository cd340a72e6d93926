"""Error documents as AWS writes them."""

import os
import sys
import traceback

_HERE = os.path.dirname(os.path.abspath(__file__))


class Fault(Exception):
    """An error that the runtime itself finds, such as a handler that is not there."""

    def __init__(self, kind, message, trace=None):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.trace = trace or []

    def document(self, request_id=""):
        """What the Runtime API is told."""
        return _document(self.message, self.kind, self.trace, request_id)

    def cause(self):
        """What tracing is told."""
        return _cause("LambdaValidationError", self.message, [])


def describe(request_id=""):
    """(document, cause) of the exception that is being handled."""
    kind, value, trace = sys.exc_info()
    frames = [(frame.filename, frame.lineno, frame.name, frame.line) for frame in traceback.extract_tb(trace)]
    while frames and frames[0][0].startswith(_HERE):
        del frames[0]
    name = kind.__name__
    return _document(str(value), name, traceback.format_list(frames), request_id), _cause(name, str(value), frames)


def _document(message, kind, trace, request_id):
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}


def _cause(kind, message, frames):
    stack = [{"label": name, "path": path, "line": line} for path, line, name, _ in frames]
    return {
        "working_directory": os.getcwd(),
        "exceptions": [{"message": message, "type": kind, "stack": stack}],
        "paths": list({path for path, _, _, _ in frames}),
    }
