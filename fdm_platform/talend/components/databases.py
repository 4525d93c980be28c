"""Database inputs: a JDBC or Hive source with the component's query, and a step that gives columns their types.

Talend reads a query's columns by position, whatever their names are: the step names them anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import main_outputs, schema_of, sql_columns, view_name
from fdm_platform.talend.components.handler import Around, Handler, Rows
from fdm_platform.talend.components.settings import template
from fdm_platform.talend.expression import FALSE, Call, Cast, IsNull, Ref, Sql, Text
from fdm_platform.talend.java import constant
from fdm_platform.talend.java.typed import Typed
from fdm_platform.talend.java.types import java_type
from fdm_platform.talend.model import Column, Component
from fdm_platform.talend.naming import password_parameter
from fdm_platform.talend.plan import Converted, Output, Relation, Select, SourceInput, SqlColumn, View

_HOST = "{HOST}:{PORT}/{DBNAME}"
_URLS: Mapping[str, str] = {
    "tMysqlInput": f"jdbc:mysql://{_HOST}?",
    "tMariaDBInput": f"jdbc:mariadb://{_HOST}?",
    "tAmazonMysqlInput": f"jdbc:mysql://{_HOST}?",
    "tPostgresqlInput": f"jdbc:postgresql://{_HOST}?",
    "tPostgresPlusInput": f"jdbc:postgresql://{_HOST}?",
    "tGreenplumInput": f"jdbc:postgresql://{_HOST}?",
    "tRedshiftInput": f"jdbc:redshift://{_HOST}?",
    "tMSSqlInput": "jdbc:sqlserver://{HOST}:{PORT};databaseName={DBNAME};",
    "tTeradataInput": "jdbc:teradata://{HOST}/DATABASE={DBNAME},",
    "tDB2Input": f"jdbc:db2://{_HOST}:",
    "tAS400Input": "jdbc:as400://{HOST}/{DBNAME};",
    "tVerticaInput": f"jdbc:vertica://{_HOST}?",
    "tNetezzaInput": f"jdbc:netezza://{_HOST};",
    "tSybaseInput": f"jdbc:sybase:Tds:{_HOST}?",
    "tInformixInput": f"jdbc:informix-sqli://{_HOST}:",
    "tSAPHanaInput": "jdbc:sap://{HOST}:{PORT}/?",
    "tSQLiteInput": "jdbc:sqlite:{DBNAME}?",
    "tJDBCInput": "{JDBC_URL}",
}
"""JDBC URLs with the names of Talend's parameters; the driver's own properties follow the last character."""
_ORACLE: Mapping[str, str] = {
    "ORACLE_SID": "jdbc:oracle:thin:@{HOST}:{PORT}:{DBNAME}",
    "ORACLE_SERVICE_NAME": "jdbc:oracle:thin:@//{HOST}:{PORT}/{DBNAME}",
    "ORACLE_OCI": "jdbc:oracle:oci8:@{LOCAL_SERVICE_NAME}",
    "ORACLE_RAC": "{RAC_URL}",
}
_ORACLE_KINDS = ("tOracleInput", "tAmazonOracleInput")
_TYPES = {
    "MYSQL": "tMysqlInput",
    "MARIADB": "tMariaDBInput",
    "POSTGRESQL": "tPostgresqlInput",
    "ORACLE": "tOracleInput",
    "MSSQL": "tMSSqlInput",
    "TERADATA": "tTeradataInput",
    "IBM DB2": "tDB2Input",
    "AS400": "tAS400Input",
    "REDSHIFT": "tRedshiftInput",
    "SYBASE": "tSybaseInput",
}
"""Kinds by the TYPE of a tDBInput; the one of old was for ODBC alone, of which the platform has no driver."""


@dataclass
class _RefusedError(Exception):
    reason: str
    todo: str
    place: str = ""
    java: str = ""


def _connection(component: Component, around: Around) -> Component:
    """Whose HOST, USER … count: its own, or the connection component's that it uses."""
    if not component.flag("USE_EXISTING_CONNECTION"):
        return component
    name = component.text("CONNECTION").strip()
    for other in around.job.components:
        if other.unique_name == name:
            return other
    raise _RefusedError(
        f"it uses the connection {name or 'of another component'}, which this job has not",
        "Write url, user and password into table.yaml.",
        "CONNECTION",
    )


def _query(component: Component) -> str:
    java = component.text("QUERY").strip()
    found = constant(java)
    if not isinstance(found, str) or not found.strip():
        raise _RefusedError(
            "its query is made at run time; the platform puts no values into SQL for a database",
            "Write the query into table.yaml, and filter by its values in a step.",
            "QUERY",
            java,
        )
    return found.strip().rstrip(";").rstrip()


def _jdbc(draft: Draft) -> dict[str, object]:
    component = draft.component
    connection = Draft(_connection(component, draft.around), draft.around)
    url = _url(connection, component)
    options = {
        "url": url,
        "query": _query(component),
        "user": _user(connection),
        "password": _password(draft, connection),
    }
    draft.residues.extend(replace(r, component=component.unique_name) for r in connection.residues)
    return {"format": "jdbc", "options": {key: value for key, value in options.items() if value}}


def _user(connection: Draft) -> str:
    if connection.component.text("USER").strip(' "') == "":
        return ""
    return template(connection, "USER", todo="Write the user into table.yaml.") or ""


def _url(connection: Draft, component: Component) -> str:
    pattern = _pattern(connection.component, component)
    names = [part.split("}")[0] for part in pattern.split("{")[1:]]
    for name in names:
        filled = template(connection, name, todo="Write the URL into table.yaml.")
        pattern = pattern.replace(f"{{{name}}}", filled or f"TODO_{name}")
    further = str(constant(connection.component.text("PROPERTIES").strip()) or "")
    return pattern + further if further else pattern.rstrip("?,:;")


def _pattern(connection: Component, component: Component) -> str:
    kind = component.kind
    if kind == "tDBInput":
        kind = _TYPES.get(component.text("TYPE").strip('" ').upper(), "")
    if kind in _URLS:
        return _URLS[kind]
    chosen = (
        connection.text("CONNECTION_TYPE", "ORACLE_SID") if kind in _ORACLE_KINDS else component.text("TYPE")
    )
    if chosen not in _ORACLE:
        raise _RefusedError(
            f"a connection of the kind {chosen}", "Write url, user and password into table.yaml."
        )
    return _ORACLE[chosen]


def _password(draft: Draft, connection: Draft) -> str:
    """The parameter that holds it. What Studio has encrypted is nobody's to know: the job's seeds say where it is set."""
    java = connection.component.text("PASS").strip()
    name = java.removeprefix("context.")
    if java.startswith("context.") and name in draft.around.context:
        return f"{{{name}}}"
    if not java or java == '""':
        return ""
    return f"{{{password_parameter(connection.component)}}}"


def _hive(draft: Draft) -> dict[str, object]:
    draft.note(
        "Hive is read through Spark's own catalog: set spark.sql.catalogImplementation: hive below launch"
    )
    return {"format": "hive", "options": {"query": _query(draft.component)}}


_Source = Callable[[Draft], dict[str, object]]


def _source_of(kind: str) -> _Source:
    return _hive if kind == "tHiveInput" else _jdbc


def _convert(component: Component, around: Around) -> Converted:
    draft = Draft(component, around)
    try:
        spec = _source_of(component.kind)(draft)
    except _RefusedError as refused:
        return left_to_a_person(
            component, around, refused.reason, todo=refused.todo, place=refused.place, java=refused.java
        )
    return _read(draft, spec)


def _read(draft: Draft, spec: Mapping[str, object]) -> Converted:
    component, around = draft.component, draft.around
    outputs = main_outputs(around)
    source, columns = _source(component, around), sql_columns(_schema(component, around))
    values = tuple(_values(component, around, source))
    read = Select(
        tuple(Output(c.name, draft.guarded(v, c.name)) for c, v in zip(columns, values, strict=True)),
        Relation(source, source, columns=tuple(c.name for c in columns)),
    )
    draft.add(View(draft.name(), columns), read, *outputs)
    draft.note("columns are the query's by position, as in Talend; the database's order of rows is not kept")
    made = draft.done("source", f"{source} of table.yaml, {draft.name()}.hql")
    return replace(made, sources=(SourceInput(source, {**spec, "allow_empty": True}, component.unique_name),))


def _schema(component: Component, around: Around) -> tuple[Column, ...]:
    return schema_of(component, next(iter(main_outputs(around)), None))


def _source(component: Component, around: Around) -> str:
    outputs = main_outputs(around)
    return view_name(around.job, outputs[0].name if outputs else f"{component.unique_name}_source")


def _values(component: Component, around: Around, source: str) -> Iterator[Typed]:
    """Each column as its type; of a primitive that is null the driver's answer ends the job."""
    is_trimmed = _trimmed(component)
    schema = _schema(component, around)
    for column, made in zip(schema, sql_columns(schema), strict=True):
        kind, read = java_type(column.type, nullable=column.nullable), Ref(made.name, source)
        fails: Sql = FALSE if kind.is_boxed else IsNull(read)
        yield Typed(
            kind, _cast(made, read, is_trimmed=is_trimmed(column)), made.spark_type, column.nullable, fails
        )


def _trimmed(component: Component) -> Callable[[Column], bool]:
    if component.flag("TRIM_ALL_COLUMN"):
        return lambda _: True
    rows = component.rows("TRIM_COLUMN")
    ticked = {row.get("SCHEMA_COLUMN") for row in rows if row.get("TRIM", "").lower() == "true"}
    return lambda column: column.name in ticked


_ENDS = "^[\\x00-\\x20]+|[\\x00-\\x20]+$"
"""What Java's trim() takes off, unlike SQL's: all control characters."""


def _cast(column: SqlColumn, read: Sql, *, is_trimmed: bool) -> Sql:
    value = Cast(read, column.spark_type)
    if is_trimmed and column.spark_type == "string":
        return Call("regexp_replace", (value, Text(_ENDS), Text("")))
    return value


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    source = _source(component, around)
    if not main_outputs(around) or source not in rows:
        return {}
    schema = _schema(component, around)
    trims = [_trimmed(component)(c) for c in schema]
    names = [c.name for c in sql_columns(schema)]
    return {
        view_name(around.job, component.unique_name): [
            {
                n: str(row.get(n)).strip(_SPACES) if t and isinstance(row.get(n), str) else row.get(n)
                for n, t in zip(names, trims, strict=True)
            }
            for row in rows[source]
        ]
    }


_SPACES = "".join(map(chr, range(33)))

HANDLERS: Mapping[str, Handler] = {
    kind: Handler(_convert, _simulate) for kind in (*_URLS, *_ORACLE_KINDS, "tDBInput", "tHiveInput")
}
