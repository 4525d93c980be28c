"""Names of what a Talend job becomes: folders and tables from labels that may hold anything."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from fdm_platform.talend.model import Component

_OTHER = re.compile(r"[^a-z0-9]+")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_DATE = re.compile(r"[yMdHhmsS_/ :.-]+")
_LONGEST = 80
"""Characters of a name: it becomes a folder, a part of an asset key and of a job's name."""


def slug(text: str) -> str:
    """Lower-case letters, digits and `_` alone, so that no label is a path: `Père/..:1` is `pere_1`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _OTHER.sub("_", plain).strip("_")[:_LONGEST].rstrip("_") or "job"


def target_name(java: str) -> str:
    """What a file or table is called in a Java expression: `context.dir + "/rejects_" + date + ".csv"` is `rejects`.

    Empty where its texts name nothing.
    """
    texts = [text for text in _TEXT.findall(java) if not _DATE.fullmatch(text)]
    last = re.split(r"[/\\]", "".join(texts))[-1].partition(".")[0]
    return slug(last) if re.search(r"[A-Za-z]", last) else ""


def password_parameter(component: Component) -> str:
    """The parameter that stands for the password that a component has in itself: `tdbinput_1_password`."""
    return f"{component.unique_name}_password".lower()


def unused(name: str, taken: Iterable[str]) -> str:
    """The name, with a number where it is taken; letter case does not distinguish names."""
    lower = {t.lower() for t in taken}
    found, n = name, 1
    while found.lower() in lower:
        n += 1
        found = f"{name}_{n}"
    return found


def table_name(job: str, entity: str, source_system: str) -> str:
    """The table of a job's slug: `policy_load` is `t_policy_load`, `etl_lnd_gels_fpms_t_policy` is `t_policy`."""
    bare = job.removeprefix(f"etl_lnd_{entity}_{source_system}_".lower())
    return bare if bare.startswith("t_") else f"t_{bare}"


def job_names(labels: Mapping[str, str], entity: str, source_system: str) -> Mapping[str, str]:
    """A slug for each job's label, by the job's path, in order. No two make a table of one name: a number follows."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for path, label in labels.items():
        n, name = 1, slug(label)
        while (table := table_name(name, entity, source_system)) in taken:
            n += 1
            name = f"{slug(label)}_{n}"
        taken.add(table)
        names[path] = name
    return names
