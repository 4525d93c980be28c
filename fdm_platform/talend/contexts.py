"""Contexts: the variables of a job under several names, which become the platform's environments.

A password is never kept, neither as Studio encrypts it nor as plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from fdm_platform.talend.model import ContextVariable
from fdm_platform.talend.xml import Node

ENVIRONMENTS = ("DEV", "QA", "UAT", "PROD")
_KNOWN_AS: Mapping[str, str] = {
    "default": "DEV",
    "dev": "DEV",
    "devel": "DEV",
    "development": "DEV",
    "local": "DEV",
    "qa": "QA",
    "test": "QA",
    "tst": "QA",
    "testing": "QA",
    "uat": "UAT",
    "acceptance": "UAT",
    "preprod": "UAT",
    "staging": "UAT",
    "prod": "PROD",
    "prd": "PROD",
    "production": "PROD",
    "live": "PROD",
}
_SECRET_TYPE = "id_Password"  # noqa: S105 - a type's name
_SECRET_NAME = re.compile(r"(?i)passw|passphrase|secret|token|api_?key|(^|_)pwd($|_)|(^|_)pass($|_)")
_ENCRYPTED = "enc:"


def variable(node: Node) -> ContextVariable:
    """A contextParameter. A secret is one by its type, by its name, or since its value is encrypted."""
    name, type_, value = node.get("name"), node.get("type", "id_String"), node.get("value")
    is_secret = type_ == _SECRET_TYPE or _SECRET_NAME.search(name) is not None or value.startswith(_ENCRYPTED)
    return ContextVariable(
        name=name,
        type=type_,
        value="" if is_secret else value,
        is_secret=is_secret,
        comment=node.get("comment"),
    )


def read_contexts(node: Node) -> dict[str, tuple[ContextVariable, ...]]:
    """The contexts of a context item, by name; its root is one ContextType, or an XMI with several."""
    roots = (node, *node.children) if node.tag == "XMI" else (node,)
    return {
        each.get("name", "Default"): tuple(variable(parameter) for parameter in each.all("contextParameter"))
        for each in roots
        if each.tag == "ContextType"
    }


def environments(names: Iterable[str], given: Mapping[str, str] = {}) -> dict[str, str]:
    """The platform's environment of each context name; a name that none is known for is left out.

    `given` are names and environments that were asked for, in any letter case; they win. Two contexts for one
    environment are an ImportRefusedError that says how to choose.
    """
    chosen = {name.lower(): environment.upper() for name, environment in given.items()}
    found: dict[str, str] = {}
    for name in names:
        environment = chosen.get(name.lower()) or _KNOWN_AS.get(name.lower())
        if environment is None or (environment in found.values() and name.lower() not in chosen):
            continue
        found[name] = environment
    return found
