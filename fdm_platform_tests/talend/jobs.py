"""Small Talend projects, written as Studio writes them, for tests of what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.sax.saxutils import quoteattr

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<talendfile:ProcessType xmi:version="2.0" xmlns:xmi="http://www.omg.org/XMI" '
    'xmlns:talendfile="platform:/resource/org.talend.model/model/TalendFile.xsd" defaultContext="Default">\n'
)
_PROPERTIES = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<xmi:XMI xmi:version="2.0" xmlns:xmi="http://www.omg.org/XMI" '
    'xmlns:TalendProperties="http://www.talend.org/properties">\n'
    "  <TalendProperties:Property id={id} label={label} version={version}>\n"
    '    <additionalProperties key="created_product_version" value="7.3.1.20200219_1130"/>\n'
    "  </TalendProperties:Property>\n</xmi:XMI>\n"
)
Columns = Mapping[str, str]
"""Talend's types by name: `id_Integer`; with `?` after it, nullable; with `*`, a key."""


def node(name: str, columns: Columns | None = None, **params: str | Iterable[Mapping[str, str]]) -> str:
    """A component; its kind is the name without its number."""
    values = {"UNIQUE_NAME": name, **params}
    kind = name.rpartition("_")[0]
    lines = [f"  <node componentName={quoteattr(kind)} componentVersion='1'>"]
    for key, value in values.items():
        if isinstance(value, str):
            lines.append(
                f"    <elementParameter field='TEXT' name={quoteattr(key)} value={quoteattr(value)}/>"
            )
            continue
        lines.append(f"    <elementParameter field='TABLE' name={quoteattr(key)}>")
        for row in value:
            lines += [
                f"      <elementValue elementRef={quoteattr(k)} value={quoteattr(v)}/>"
                for k, v in row.items()
            ]
        lines.append("    </elementParameter>")
    if columns is not None:
        lines.append(f"    <metadata connector='FLOW' name={quoteattr(name)}>")
        lines += [_column(n, t) for n, t in columns.items()]
        lines.append("    </metadata>")
    return "\n".join([*lines, "  </node>"])


def _column(name: str, kind: str) -> str:
    nullable, key = str("?" in kind).lower(), str("*" in kind).lower()
    return (
        f"      <column name={quoteattr(name)} type={quoteattr(kind.strip('?*'))} nullable='{nullable}' "
        f"key='{key}' length='-1' precision='-1' pattern='&quot;dd-MM-yyyy&quot;'/>"
    )


def link(name: str, source: str, target: str, connector: str = "FLOW", **params: str) -> str:
    """A connection."""
    values = {"UNIQUE_NAME": name, **params}
    inner = "".join(
        f"<elementParameter field='TEXT' name={quoteattr(k)} value={quoteattr(v)}/>"
        for k, v in values.items()
    )
    return (
        f"  <connection connectorName='{connector}' label={quoteattr(name)} lineStyle='0' metaname={quoteattr(source)} "
        f"source={quoteattr(source)} target={quoteattr(target)}>{inner}</connection>"
    )


def item(*parts: str, contexts: Mapping[str, Mapping[str, tuple[str, str]]] | None = None) -> str:
    """A job's XML; a context maps names to (type, value)."""
    lines = []
    for context, variables in (contexts or {"Default": {}}).items():
        lines.append(f"  <context confirmationNeeded='false' name={quoteattr(context)}>")
        lines += [
            f"    <contextParameter comment='' name={quoteattr(n)} type={quoteattr(t)} value={quoteattr(v)}/>"
            for n, (t, v) in variables.items()
        ]
        lines.append("  </context>")
    return _HEAD + "\n".join([*lines, *parts]) + "\n</talendfile:ProcessType>\n"


def write_project(folder: Path, jobs: Mapping[str, str | bytes]) -> Path:
    """A project of these jobs by label; `sub/label` lies in a folder."""
    for number, (place, text) in enumerate(jobs.items()):
        label = place.rpartition("/")[2]
        file = folder / "process" / f"{place}_0.1.item"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        said = _PROPERTIES.format(id=quoteattr(f"_id{number}"), label=quoteattr(label), version="'0.1'")
        file.with_suffix(".properties").write_text(said)
    return folder


COLUMNS = {"id": "id_String*", "amount": "id_Integer?"}
CSV = node(
    "tFileInputDelimited_1",
    COLUMNS,
    FILENAME='"in/a.csv"',
    FIELDSEPARATOR='";"',
    ROWSEPARATOR='"\\n"',
    HEADER="1",
    ENCODING='"UTF-8"',
    DIE_ON_ERROR="false",
)
FILTER = node(
    "tFilterRow_1",
    COLUMNS,
    LOGICAL_OP="&&",
    CONDITIONS=[{"INPUT_COLUMN": "amount", "FUNCTION": "", "OPERATOR": ">", "RVALUE": "10"}],
)
OUTPUT = node("tFileOutputDelimited_1", COLUMNS, FILENAME='"out/good.csv"')


def whole_job() -> str:
    """A job all of which comes over."""
    links = (
        link("row1", "tFileInputDelimited_1", "tFilterRow_1"),
        link("row2", "tFilterRow_1", "tFileOutputDelimited_1", "FILTER"),
    )
    return item(CSV, FILTER, OUTPUT, *links)
