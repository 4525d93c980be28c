"""What `globalMap.get` gives all through a job: the constants that tSetGlobalVar puts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from fdm_platform.talend.java import translate
from fdm_platform.talend.java.typed import Scope, Typed
from fdm_platform.talend.model import Component, ContextVariable, TalendJob

SET_GLOBAL = "tSetGlobalVar"


def global_constants(job: TalendJob, context: Mapping[str, ContextVariable]) -> Mapping[str, Typed]:
    """Values by key: of keys that one component sets, once, and not for each row."""
    each = [
        (c, key, java)
        for c in job.components
        if c.kind == SET_GLOBAL and c.is_active
        for key, java in puts(c)
    ]
    times = Counter(key for _, key, _ in each)
    found = {
        key: translate(java, Scope(context=context), None)
        for component, key, java in each
        if times[key] == 1 and not _is_fed(job, component)
    }
    return {key: value for key, value in found.items() if isinstance(value, Typed)}


def puts(component: Component) -> Iterator[tuple[str, str]]:
    """What a tSetGlobalVar puts: keys, and the Java of their values."""
    for row in component.rows("VARIABLES"):
        yield row.get("KEY", "").strip().strip('"'), row.get("VALUE", "")


def _is_fed(job: TalendJob, component: Component) -> bool:
    """Rows flow into it: it sets the key anew for each."""
    data = {"FLOW", "FILTER", "REJECT", "UNIQUE", "DUPLICATE", "ITERATE"}
    return any(k.target == component.unique_name and k.connector in data and k.is_active for k in job.links)
