"""Puts the support table (a file) between the README's markers; with `--check` only tells whether it is there."""

import pathlib
import sys

START, END = "<!-- support -->", "<!-- /support -->"
README = pathlib.Path(__file__).resolve().parents[1] / "README.md"


def with_table(readme: str, table: str) -> str:
    """The README's text with this table."""
    before, start, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise SystemExit(f"README.md lacks the markers {START} and {END}")
    return f"{before}{START}\n\n{table.strip()}\n\n{END}{after}"


def main(arguments: list[str]) -> None:
    check = "--check" in arguments
    (source,) = [a for a in arguments if a != "--check"]
    now = README.read_text()
    then = with_table(now, pathlib.Path(source).read_text())
    if check and now != then:
        raise SystemExit("README.md's support table is stale: run `make support`")
    README.write_text(then)


if __name__ == "__main__":
    main(sys.argv[1:])
