"""Devices of other tools: Ansible inventories in INI, YAML or JSON, ssh_config files."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.config import foreign_inventory
from orchestrator.config.importers import ansible, ansible_ini, ansible_list, ansible_yaml
from orchestrator.config.importers import ssh_config as ssh
from orchestrator.config.importers.result import Found, read_text
from orchestrator.errors import InventoryError

__all__ = ["Found", "as_inventory", "read"]

_SECTION = re.compile(r"^\[[^\]\n]+\]\s*([#;].*)?$", re.MULTILINE)
_SSH = re.compile(r"^\s*(host|match|include)(\s*=\s*|\s+)[^\s=:]", re.MULTILINE | re.IGNORECASE)
_YAML = re.compile(r"\A\s*(---|\{|%YAML|[^\s\[#:'\"]+\s*:(\s|\Z)|(['\"]).*?\3\s*:|- )")
_STATIC = "ansible-inventory -i FILE --list --yaml > hosts.yaml"


def read(path: Path) -> Found:
    """Return the devices of ``path``, jump hosts first, and what could not be taken over; its content says what it is.

    Raises `InventoryError` with file and line where it can't be read or is none of the three. It runs nothing and asks nothing.
    """
    text = _text(path)
    printed = foreign_inventory.listed(text)
    if printed is not None:
        return ansible.devices(ansible_list.tree(printed, path))
    lines = "\n".join(line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", ";")))
    if not lines:
        raise InventoryError(f"{path}: the file is empty")
    if _SECTION.search(lines):
        tree = ansible_ini.tree(text, path)
    elif _YAML.match(lines):
        tree = ansible_yaml.tree(text, path)
    elif _SSH.search(lines):
        return ssh.devices(path)
    else:
        tree = ansible_ini.tree(text, path)
    ansible_yaml.beside(tree, path)
    return ansible.devices(tree)


def as_inventory(path: Path) -> Found:
    """Return the devices of an Ansible inventory that is used as it is, and what could not be taken over.

    Raises `InventoryError` as `read` does, and where a value that farm connects with is encrypted or a template: another in its place
    would reach another host, or none.
    """
    text, notation = _text(path), foreign_inventory.notation(path)
    printed = foreign_inventory.listed(text)
    if printed is not None:
        tree = ansible_list.tree(printed, path)
    else:
        module = ansible_ini if notation == foreign_inventory.INI else ansible_yaml
        tree = module.tree(text, path)
        ansible_yaml.beside(tree, path)
    tree.notes.strict = True
    return ansible.devices(tree)


def _text(path: Path) -> str:
    text = read_text(path)
    if text.startswith("$ANSIBLE_VAULT"):
        raise InventoryError(f"{path}:1: it is encrypted", hint=f"ansible-vault view {path} > hosts.yaml")
    if text.startswith("#!"):
        raise InventoryError(f"{path}:1: it is a program, which farm does not run", hint=_STATIC)
    strange = re.search(r"[\x00-\x08\x0b\x0e-\x1f\x7f]", text)
    if strange:
        line = text.count("\n", 0, strange.start()) + 1
        raise InventoryError(f"{path}:{line}: a control character; expected a text file")
    return text
