"""The command line, as it meets people."""

import json
import re
import subprocess

import pytest

from harness.server import clean_env, moln

SUBCOMMANDS = ("serve", "env", "clock", "doctor", "backup", "restore", "invoke", "logs", "runtimes")


def test_help_names_every_command_and_how_to_start():
    text = moln("--help").stdout
    for command in SUBCOMMANDS:
        assert re.search(rf"^\s+{command}\b", text, re.MULTILINE), command
    assert "moln serve" in text


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_every_command_explains_itself(command):
    text = moln(command, "--help").stdout
    assert "Usage: moln" in text and len(text.splitlines()) > 4


def test_the_version_is_told():
    assert re.fullmatch(r"moln \d+\.\d+\.\d+\S*\s*", moln("--version").stdout)


def test_env_points_a_shell_at_the_server(fresh):
    exports = fresh.moln("env").stdout
    script = f'{exports}\nprintf \'%s|%s|%s|%s|%s\' "$AWS_ENDPOINT_URL" "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$AWS_DEFAULT_REGION" "$AWS_REGION"'
    shell = subprocess.run(
        ["sh", "-euc", script], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}, check=True
    )
    assert "export AWS_DISABLE_HOST_PREFIX_INJECTION=true\n" in exports
    endpoint, key, secret, region, region_of_sdks = shell.stdout.split("|")
    assert endpoint.startswith("http://")
    assert key and secret and region == region_of_sdks == "us-east-1"


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["serve", "--colour", "red"],
        ["serve", "--listen", "nowhere"],
        ["serve", "--listen", "127.0.0.1:99999"],
        ["clock"],
        ["clock", "advance"],
        ["backup"],
        ["restore"],
        ["restore", "/nonexistent/backup.moln", "--data", "restored"],
        ["backup", "/nonexistent/folder/backup.moln"],
    ],
)
def test_mistakes_are_named_in_a_sentence(tmp_path, arguments):
    env = clean_env(AWS_ENDPOINT_URL="http://127.0.0.1:9")
    done = moln(*arguments, check=False, cwd=tmp_path, env=env, timeout=20)
    assert done.returncode != 0
    assert done.stderr.strip(), "an error goes to stderr"
    assert "panicked" not in done.stderr and "RUST_BACKTRACE" not in done.stderr
    assert len(done.stderr) < 2000


def test_a_command_without_a_server_says_what_to_do(tmp_path):
    env = clean_env(AWS_ENDPOINT_URL="http://127.0.0.1:9")
    done = moln("clock", "show", check=False, cwd=tmp_path, env=env, timeout=20)
    assert done.returncode != 0
    assert "127.0.0.1:9" in done.stderr and "moln serve" in done.stderr


def test_doctor_checks_the_machine(tmp_path):
    done = moln("doctor", "--data", str(tmp_path / "data"), check=False, cwd=tmp_path, timeout=60)
    assert re.search(r"\b(OK|ok)\b", done.stdout), done.stdout + done.stderr
    assert re.search(r"data|disk", done.stdout, re.IGNORECASE)


def test_doctor_tells_how_functions_run_here(tmp_path):
    done = moln("doctor", "--data", str(tmp_path / "data"), check=False, cwd=tmp_path, timeout=60)
    assert re.search(r"sandbox: tier [ABCD]: ", done.stdout)
    runtimes = next(line for line in done.stdout.splitlines() if "runtimes: " in line)
    assert "provided.al2023" in runtimes and "nodejs20.x" in runtimes and "python3.14" in runtimes


def test_runtimes_are_listed_with_what_they_need(tmp_path):
    nothing = {"MOLN_RUNTIMES": str(tmp_path / "runtimes"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = moln("runtimes", "list", "--json", env=clean_env(**nothing), timeout=60)
    listed = {each["runtime"]: each for each in json.loads(done.stdout)}
    nodes = [f"nodejs{major}.x" for major in range(14, 26, 2)]
    pythons = [f"python3.{minor}" for minor in range(8, 15)]
    assert {*nodes, *pythons, "provided.al2", "provided.al2023"} <= set(listed)
    assert listed["nodejs22.x"]["state"] == "installable" and "moln runtimes install" in listed["nodejs22.x"]["reason"]
    absent = [name for name in pythons if listed[name]["state"] == "missing"]
    if absent:
        told = moln("runtimes", "install", absent[0], check=False, env=clean_env(**nothing), timeout=60)
        assert told.returncode == 1 and f"pyenv install {absent[0][6:]}" in told.stderr
    told = moln("runtimes", "install", "cobol", check=False, env=clean_env(**nothing), timeout=60)
    assert told.returncode == 2 and "cobol" in told.stderr


def test_doctor_notices_a_directory_it_cannot_use(tmp_path):
    (tmp_path / "data").write_text("a file, not a directory")
    done = moln("doctor", "--data", str(tmp_path / "data"), check=False, cwd=tmp_path, timeout=60)
    assert done.returncode != 0
    assert re.search(r"fail", done.stdout + done.stderr, re.IGNORECASE)


def test_serve_refuses_a_data_path_that_is_a_file(new_server):
    server = new_server()
    server.data.write_text("a file, not a directory")
    done = moln(*server.command()[1:], check=False, timeout=20)
    assert done.returncode != 0 and str(server.data) in done.stderr + done.stdout
