"""Contexts: the variables of a job under several names, which become the platform's environments.

A password is never kept, neither as Studio encrypts it nor as plain text.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from fdm_platform.model.settings import SECRET_NAMES
from fdm_platform.planning.secrets import Secrets
from fdm_platform.talend.model import ContextVariable
from fdm_platform.talend.xml import Node

_UNNAMED = "default"
"""What Studio calls a context that nobody has named: one that is called DEV comes before it."""
_KNOWN_AS: Mapping[str, str] = {
    _UNNAMED: "DEV",
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
_ENCRYPTED = "enc:"


def variable(node: Node, secrets: Container[str] = ()) -> ContextVariable:
    """A contextParameter. A secret is one by its type, by its name, since its value is encrypted, or among `secrets`."""
    name, type_, value = node.get("name"), node.get("type", "id_String"), node.get("value")
    is_named_so = Secrets(SECRET_NAMES).is_secret(name, "")
    is_secret = type_ == _SECRET_TYPE or is_named_so or value.startswith(_ENCRYPTED) or name in secrets
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


def environments(names: Iterable[str], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The platform's environment of each context, by its name; of two for one environment the first has it.

    `given` are names and environments that were asked for, in any letter case; they come first. A context that is not
    in the answer has no environment: whoever calls says so.
    """
    asked = {name.lower(): environment.upper() for name, environment in (given or {}).items()}
    found: dict[str, str] = {}
    for name in sorted(names, key=lambda each: (each.lower() not in asked, each.lower() == _UNNAMED)):
        environment = asked.get(name.lower()) or _KNOWN_AS.get(name.lower())
        if environment is not None and environment not in found.values():
            found[name] = environment
    return found
