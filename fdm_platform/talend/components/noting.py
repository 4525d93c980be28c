"""Components that do nothing to rows: connections, commits, places in the job, prints. Each is a note."""

from __future__ import annotations

from collections.abc import Mapping

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import main_input
from fdm_platform.talend.components.handler import Around, Handler
from fdm_platform.talend.model import Component
from fdm_platform.talend.plan import Converted

_DATABASES = [
    "Mysql",
    "MSSql",
    "Oracle",
    "Postgresql",
    "PostgresPlus",
    "DB",
    "DB2",
    "JDBC",
    "Hive",
    "Impala",
    "Kudu",
    "Teradata",
    "Sybase",
    "SQLite",
    "HSQLDb",
    "Informix",
    "Netezza",
    "Vertica",
    "Redshift",
    "Greenplum",
    "Snowflake",
    "SAPHana",
    "Access",
    "AS400",
    "Firebird",
    "Ingres",
    "Interbase",
    "AmazonOracle",
    "AmazonMysql",
    "AmazonAurora",
    "BigQuery",
    "HDFS",
    "HBase",
    "Cassandra",
    "MongoDB",
    "Kafka",
    "Salesforce",
    "Iceberg",
    "SQLTemplate",
    "FTP",
]
_OF_A_DATABASE = {
    "Connection": "a connection: sources and parameters say where data is",
    "Commit": "a commit: a date is published as a whole",
    "Rollback": "a rollback: a date that fails is not published",
    "Close": "a connection's end",
}
_OTHERS = {
    "tPrejob": "what it starts comes first by what tables read",
    "tPostjob": "what it starts is not waited for by the table",
    "tMsgBox": "shows a window",
    "tSleep": "waits",
    "tLibraryLoad": "loads a Java library",
    "tChronometerStart": "measures time: execution_log does",
    "tChronometerStop": "measures time: execution_log does",
    "tFlowMeter": "counts rows: each date's manifest does",
    "tAssert": "reports an assertion: checks of table.yaml do",
    "tHDFSConfiguration": "a connection: sources and parameters say where data is",
    "tSparkConfiguration": "Spark's settings: launch of table.yaml",
    "tLog4J": "prints only",
    "tInitLog4J": "prints only",
    "tLog4JCatch": "prints only",
}


def _noted(text: str) -> Handler:
    def convert(component: Component, around: Around) -> Converted:
        incoming = main_input(around)
        if incoming is None and around.outputs:
            return left_to_a_person(
                component, around, "its rows are its own, not the data's", todo=_LEAVE_OUT
            )
        draft = Draft(component, around)
        draft.views.update({link.name: incoming[1] for link in around.outputs if incoming})
        return draft.done("note", text)

    return Handler(convert)


_LEAVE_OUT = "Leave out what follows from it, if it only logs."

HANDLERS: Mapping[str, Handler] = {
    **{f"t{name}{verb}": _noted(text) for name in _DATABASES for verb, text in _OF_A_DATABASE.items()},
    **{kind: _noted(text) for kind, text in _OTHERS.items()},
}
