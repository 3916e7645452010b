"""The least version of each of pyproject.toml's ranges, as pip's constraints: `make test-lowest` installs them."""

import re
import tomllib
from pathlib import Path


def main() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        print(re.sub(r">=([^,]+).*", r"==\1", requirement))


if __name__ == "__main__":
    main()
