#!/usr/bin/env python3
"""Writes what the public translator makes of our SAM templates, which the tests of crates/deploy expect.

Run it with tools/sam-oracle.sh, which brings the translator along. It needs no network.
"""

import json
import os
import sys
from pathlib import Path

os.environ["AWS_DEFAULT_REGION"] = "eu-west-1"

from samtranslator.parser.parser import Parser  # noqa: E402
from samtranslator.translator.translator import Translator  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402


def main() -> None:
    for name in sys.argv[1:]:
        path = Path(name)
        template = yaml_parse(path.read_text())
        declared = template.get("Parameters", {})
        parameters = {key: value["Default"] for key, value in declared.items() if "Default" in value}
        made = Translator({}, Parser()).translate(template, parameters)
        path.with_suffix(".json").write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
        print(f"{path.name}: {len(made['Resources'])} resources")


if __name__ == "__main__":
    main()
