"""Refuses dependencies under licences or from sources that deny.toml does not allow.

The same rules as `cargo deny check licenses sources`, for machines without it: an expression passes when one choice
of its `OR`s is allowed in all its `AND`s.
"""

import json
import pathlib
import subprocess
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]


def passes(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression is satisfied by allowed licences."""
    tokens = expression.replace("/", " OR ").replace("(", " ( ").replace(")", " ) ").split()

    def either() -> bool:
        value = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            right = both()
            value = value or right
        return value

    def both() -> bool:
        value = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            right = one()
            value = value and right
        return value

    def one() -> bool:
        token = tokens.pop(0)
        if token == "(":
            value = either()
            tokens.pop(0)
            return value
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token += f" WITH {tokens.pop(0)}"
        return token in allowed

    return either()


def main() -> None:
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    allowed = set(rules["licenses"]["allow"])
    metadata = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--locked", "--format-version", "1"],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
    )
    members = set(metadata["workspace_members"])
    bad = []
    for package in metadata["packages"]:
        if package["id"] in members:
            continue
        named = f"{package['name']} {package['version']}"
        licence = package["license"]
        if not licence or not passes(licence, allowed):
            bad.append(f"{named}: licence {licence or 'not stated'}")
        if not (package["source"] or "").startswith("registry+"):
            bad.append(f"{named}: source {package['source'] or 'a path outside the workspace'}")
    if bad:
        raise SystemExit("deny.toml does not allow:\n  " + "\n  ".join(bad))
    print(f"licences and sources of {len(metadata['packages']) - len(members)} dependencies are allowed")


if __name__ == "__main__":
    main()
