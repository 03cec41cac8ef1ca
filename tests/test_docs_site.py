"""The documentation site builds without a warning and documents every public name."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import agentlab
from agentlab.registry import Registry, path_of

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def packages():
    """Return the packages that have ``__all__`` or registries of classes, by name."""
    found = {}
    for path in sorted((ROOT / "agentlab").glob("*/__init__.py")):
        text = path.read_text(encoding="utf-8")
        if re.search(r"^__all__ = ", text, re.M) or re.search(r"^\w+ = Registry\(", text, re.M):
            name = f"agentlab.{path.parent.name}"
            found[name] = importlib.import_module(name)
    return found


def public_names():
    """Return the full names of all public names, as the reference has them."""
    names = [f"agentlab.{name}" for name in agentlab.__all__]
    exported = [getattr(agentlab, name) for name in agentlab.__all__]
    for package, module in packages().items():
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if not any(value is other for other in exported):
                names.append(f"{package}.{name}")
        for registry in vars(module).values():
            if isinstance(registry, Registry):
                names += [path_of(registry[key]).replace(":", ".") for key in registry]
    return sorted(set(names))


def test_every_package_with_public_names_has_a_page_of_the_reference():
    pages = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "api").glob("*.md"))
    listed = re.findall(r"```\{api\}\n(.*?)```", pages, re.S)
    modules = {line for block in listed for line in block.split()}
    assert {"agentlab", *packages()} <= modules
    for module in modules:
        importlib.import_module(module)


@pytest.mark.slow
def test_the_site_builds_without_warnings_and_documents_every_public_name(tmp_path):
    pytest.importorskip("myst_parser")
    pytest.importorskip("furo")
    from sphinx.util.inventory import InventoryFile

    words = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "-q"]
    done = subprocess.run(
        [*words, str(DOCS), str(tmp_path)], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    inventory = InventoryFile.loads((tmp_path / "objects.inv").read_bytes(), uri="")
    documented = {
        name for kind, names in inventory.data.items() if kind.startswith("py:") for name in names
    }
    missing = set(public_names()) - documented
    assert not missing, sorted(missing)
    page = (tmp_path / "agents" / "dqn.html").read_text(encoding="utf-8")
    assert "<math" in page and "target_update_interval" in page and "small_cnn" in page
    elsewhere = r'<(?:script|link|img)\b[^>]*?(?:src|href)="(https?:[^"]*)"'
    for html in tmp_path.rglob("*.html"):
        loaded = re.findall(elsewhere, html.read_text(encoding="utf-8"))
        assert not loaded, (html, loaded)
