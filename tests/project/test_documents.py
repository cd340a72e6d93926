"""The project's own papers say what the code does."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_readmes_support_table_is_fresh(tmp_path):
    table = subprocess.run(
        ["cargo", "run", "--locked", "--quiet", "-p", "moln-codegen", "--", "support"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    ).stdout
    written = (ROOT / "README.md").read_text().partition("<!-- support -->")[2].partition("<!-- /support -->")[0]
    assert written.strip() == table.strip(), "README.md's support table is stale: run `make support`"


def test_links_between_documents_lead_somewhere():
    broken = []
    for document in [*ROOT.glob("*.md"), *ROOT.glob("bench/*.md"), *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", document.read_text()):
            if not (document.parent / target).exists():
                broken.append(f"{document.name}: {target}")
    assert not broken


def allowed(path: pathlib.Path) -> int:
    """Lines a source file may have. A service's `api/mod.rs` is one impl block, a line or five for each operation."""
    return 1000 if path.parts[-3:] == ("src", "api", "mod.rs") else 600


def test_no_source_file_is_longer_than_600_lines():
    long = {
        str(path.relative_to(ROOT)): count
        for folder in ("crates", "tests", "bench", "tools")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".rs", ".py", ".mjs", ".sh")
        and "node_modules" not in path.parts
        and (count := len(path.read_text().splitlines())) > allowed(path)
    }
    assert not long
