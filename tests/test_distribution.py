"""What is given away: the source distribution, and the wheel that is built from it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def build(kind: str, folder: Path, into: Path) -> Path:
    """Build the distribution of a folder; the file."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    (made,) = into.iterdir()
    return made


def test_the_source_distribution_is_whole(tmp_path: Path) -> None:
    """It holds the packages, documentation and examples, no tests, and makes the wheel of the checkout."""
    packed = build("sdist", ROOT, tmp_path / "sdist")
    subprocess.run(["tar", "-xf", str(packed), "-C", str(tmp_path)], check=True)
    (unpacked,) = tmp_path.glob("kubevitals-*")
    assert {path.name for path in unpacked.iterdir()} == {
        *("src", "docs", "examples"),
        *("README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "PKG-INFO", ".gitignore"),
    }
    assert {path.name for path in (unpacked / "src").iterdir()} == {"kubevitals", "simcluster"}

    contents: list[dict[str, bytes]] = []
    for folder in (ROOT, unpacked):
        with zipfile.ZipFile(build("wheel", folder, tmp_path / f"wheel{len(contents)}")) as wheel:
            contents.append({name: wheel.read(name) for name in wheel.namelist()})
    assert contents[0] == contents[1]
    assert "kubevitals/__init__.py" in contents[0]
    assert "simcluster/__init__.py" in contents[0]
