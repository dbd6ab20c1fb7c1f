"""The site of the pages: it builds without a network, loads nothing from elsewhere and leads nowhere wrong."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
LOADED = re.compile(r"<(?:script|img|iframe|source)[^>]+src=[\"']?([^\"'\s>]+)|<link[^>]+href=[\"']?([^\"'\s>]+)")


def build(checkout, out):
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", out],
        cwd=checkout,
        env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1", "http_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_nothing_is_loaded_from_elsewhere(site):
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    loaded = [match[1] or match[2] for text in pages.values() for match in LOADED.finditer(text)]
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))

    assert len(loaded) > len(pages)
    assert not [address for address in loaded if re.match(r"(\w+:)?//", address)]
    assert not re.findall(r"(?:@import\s*|url\()[\"']?(?:https?:)?//[^)\"']*", styles)
    assert not [path for path, text in pages.items() if 'class="mermaid"' in text], "its script would be fetched"


def test_every_page_of_the_repository_is_in_it(site):
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    pages |= {f"examples/{path.parent.name}" for path in ROOT.glob("examples/*/README.md")}
    pages |= {"readme", "contributing", "security-policy", "changelog", "license", "benchmarks"}

    assert not [page for page in pages if not (site / f"{page}.html").is_file()]


def test_links_between_the_readme_and_the_pages_work_in_both_directions(site):
    assert 'href="suite.html"' in (site / "readme.html").read_text(encoding="utf-8")
    assert 'href="examples/pneumonia.html"' in (site / "readme.html").read_text(encoding="utf-8")
    assert 'href="readme.html"' in (site / "index.html").read_text(encoding="utf-8")


def test_a_link_to_a_module_is_its_text_there():
    page = SimpleNamespace(file=SimpleNamespace(src_uri="security-policy.md"))
    hook = runpy.run_path(str(ROOT / "scripts" / "site_pages.py"))["on_page_markdown"]

    assert (
        hook("see [the gate](orchestrator/registry.py), [suites](docs/suite.md)", page)
        == "see the gate, [suites](suite.md)"
    )


@pytest.mark.parametrize("target", ["nowhere.md", "suite.md#no-such-heading", "../tests/nowhere.md"])
def test_a_link_that_leads_nowhere_ends_the_build(tmp_path, target):
    checkout = tmp_path / "checkout"
    for name in ("docs", "scripts", "examples"):
        shutil.copytree(ROOT / name, checkout / name)
    (checkout / "benchmarks").mkdir(parents=True)
    shutil.copy(ROOT / "benchmarks" / "README.md", checkout / "benchmarks")
    for name in ("mkdocs.yml", "LICENSE", "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, checkout / name)
    with (checkout / "docs" / "index.md").open("a", encoding="utf-8") as page:
        page.write(f"\n[here]({target})\n")

    done = build(checkout, tmp_path / "site")

    assert done.returncode == 1
    assert target.removeprefix("../") in done.stderr


def test_the_architecture_names_every_room_and_module_with_its_sentence_and_none_that_is_gone():
    page = ROOT / "docs" / "architecture.md"
    text = page.read_text(encoding="utf-8")
    made = subprocess.run(
        [
            sys.executable,
            "-c",
            "import runpy, sys; print(runpy.run_path('scripts/reference')['architecture'](sys.stdin.read()), end='')",
        ],
        cwd=ROOT,
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )

    assert made.stdout == text, "run scripts/reference"
