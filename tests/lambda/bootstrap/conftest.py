"""Runtimes of this machine, each installed when a test first needs it."""

import json
import subprocess

import pytest

from harness.scripted import Function
from harness.server import BINARY, clean_env

NODES = ["nodejs14.x", "nodejs16.x", "nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x"]
PYTHONS = [f"python3.{minor}" for minor in range(8, 15)]
_installed = {}


def installed(name):
    """Where a runtime lies: program, sdk, bootstrap, version."""
    if name not in _installed:
        moln = [str(BINARY), "runtimes"]
        made = subprocess.run([*moln, "install", name], env=clean_env(), capture_output=True, text=True, timeout=600)
        listed = subprocess.run([*moln, "list", "--json"], env=clean_env(), capture_output=True, text=True, check=True)
        found = next(runtime for runtime in json.loads(listed.stdout) if runtime["runtime"] == name)
        if found["state"] == "missing":
            pytest.skip(found["reason"])
        assert made.returncode == 0, made.stderr
        _installed[name] = found
    return _installed[name]


class Starter:
    """Starts handlers on one runtime."""

    def __init__(self, name, directory):
        self.name = name
        self.places = installed(name)
        self.code = directory / "task"
        self.code.mkdir()
        self.started = []

    def write(self, **files):
        """Writes the function's files: `index_js="…"` is index.js, `a__b_py` is a/b.py; others by `**{name: text}`."""
        for name, text in files.items():
            stem, _, extension = name.rpartition("_")
            path = self.code / (name if "." in name else f"{stem.replace('__', '/')}.{extension}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return self

    def start(self, handler, **options):
        """Runs a handler of the files written."""
        own = {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.name}",
            "LAMBDA_RUNTIME_DIR": self.places["sdk"],
            **self.environment(options.get("layers")),
        }
        function = Function(self.command(), self.code, handler, own=own, **options)
        self.started.append(function)
        return function

    def close(self):
        """Ends everything started."""
        for function in self.started:
            function.close()


class Node(Starter):
    """Node.js as Moln starts it."""

    @property
    def major(self):
        """20 of nodejs20.x."""
        return int(self.name[6:-2])

    def command(self):
        """The interpreter with its flags and the bootstrap."""
        flags = ["--expose-gc", "--max-old-space-size=115"]
        if self.major in (20, 22):
            flags.append("--no-experimental-require-module")
        if self.major == 22:
            flags.append("--no-experimental-detect-module")
        return [self.places["program"], *flags, f"{self.places['bootstrap']}/node/bootstrap.js"]

    def environment(self, layers):
        """What belongs to the runtime."""
        sdk = self.places["sdk"]
        layers = layers or "/opt"
        return {
            "NODE_PATH": f"{layers}/nodejs/node{self.major}/node_modules:{layers}/nodejs/node_modules:{sdk}/node_modules"
        }


class Python(Starter):
    """Python as Moln starts it."""

    @property
    def minor(self):
        """12 of python3.12."""
        return int(self.name.partition(".")[2])

    def command(self):
        """The interpreter and the bootstrap."""
        return [self.places["program"], "-S", f"{self.places['bootstrap']}/python/bootstrap.py"]

    def environment(self, layers):
        """What belongs to the runtime."""
        return {"PYTHONPATH": self.places["sdk"]}


@pytest.fixture(params=NODES)
def node(request, tmp_path):
    """Every Node.js."""
    starter = Node(request.param, tmp_path)
    yield starter
    starter.close()


@pytest.fixture(params=PYTHONS)
def python(request, tmp_path):
    """Every Python that this machine has."""
    starter = Python(request.param, tmp_path)
    yield starter
    starter.close()


@pytest.fixture
def one_node(request, tmp_path):
    """A Node.js in the middle, or the one that a test names with `indirect`."""
    starter = Node(getattr(request, "param", "nodejs20.x"), tmp_path)
    yield starter
    starter.close()


@pytest.fixture
def one_python(tmp_path):
    """A Python in the middle."""
    starter = Python("python3.11", tmp_path)
    yield starter
    starter.close()
