"""Pages of the site that lie outside docs/: a hook of MkDocs that brings them in under their links."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
#: Path in the repository -> path in the site. MkDocs takes a `README.md` for a folder's index: hence the lower case.
OUTSIDE = {
    name: f"{name.removesuffix('.md').lower()}.md"
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE")
}
OUTSIDE["benchmarks/README.md"] = "benchmarks.md"
OUTSIDE["SECURITY.md"] = "security-policy.md"  # docs/security.md has the other name
OUTSIDE |= {
    f"examples/{path.parent.name}/README.md": f"examples/{path.parent.name}.md"
    for path in ROOT.glob("examples/*/README.md")
}
#: What pages link to beside pages is in the site as it is.
OUTSIDE |= {(name := str(path.relative_to(ROOT))): name for path in ROOT.glob("examples/**/*.y*ml")}
INSIDE = {uri: name for name, uri in OUTSIDE.items()}
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<path>[^)#:\s]+)(?P<anchor>#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files that lie elsewhere."""
    for name, uri in OUTSIDE.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        content = f"# License\n\n```text\n{text}```\n" if name == "LICENSE" else text
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Lead links to where their pages are in the site; they are written for the repository, where a forge follows them.

    A link to a file that is in the repository alone, such as a module, becomes its text.
    """
    uri = page.file.src_uri
    folder = posixpath.dirname(INSIDE.get(uri, f"docs/{uri}"))

    def moved(link: re.Match[str]) -> str:
        name = posixpath.normpath(posixpath.join(folder, link["path"]))
        if name not in OUTSIDE and not name.startswith("docs/") and (ROOT / name).exists():
            return link["text"]
        target = OUTSIDE.get(name, name.removeprefix("docs/"))
        return f"[{link['text']}]({posixpath.relpath(target, posixpath.dirname(uri))}{link['anchor'] or ''})"

    return LINK.sub(moved, markdown)
