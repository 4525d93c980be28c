"""Kinds that are left to a person though they are known: what each does, and what may take its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fdm_platform.talend.components.drafting import left_to_a_person
from fdm_platform.talend.components.handler import Around, Handler
from fdm_platform.talend.model import Component
from fdm_platform.talend.plan import Converted

_CODE = ("CODE", "CODE_START", "CODE_MAIN", "CODE_END", "QUERY", "COMMAND", "REQUEST")
"""Parameters that hold what the component does."""

_JAVA = ("it is Java code of the job", "Write what it does to rows as SQL; leave it out if it only logs.")
_LOOP = (
    "it runs what follows once a file, row or value",
    "Read all at once: a source's path may be a pattern.",
)
_FILES = ("it handles files, as no table does", "Do it before the load; or leave it out if it cleaned up.")
_ALERT = ("it tells people", "Let Dagster or your monitoring do it.")
_LOGS = ("it catches the job's log", "Leave it out: execution_log and Dagster have it.")
_DATABASE = ("it runs SQL in a database", "Run it there, or write it as a step if it makes rows.")
_FORMAT = (
    "it reads or writes a format that tables do not",
    "Have the rows delivered as CSV, JSON, ORC or Parquet.",
)
_SERVICE = ("it talks to another system", "Have the rows delivered as a file or table.")
_SYSTEM = ("it runs a program", "Do it before the load, or as a transform in Python.")
_MERGE = ("it keeps versions of rows in a database", "Say business_keys and compare_cols in table.yaml.")
_BUFFER = ("its rows go to the job that runs this one", "Let that job's table read this one's.")

_KINDS: Mapping[tuple[str, str], str] = {
    _JAVA: "tJava tJavaRow tJavaFlex tGroovy tGroovyFile",
    _LOOP: "tFileList tFlowToIterate tIterateToFlow tForeach tLoop tInfiniteLoop tParallelize tWaitForFile "
    "tWaitForSocket tWaitForSqlData",
    _FILES: "tFileDelete tFileCopy tFileExist tFileTouch tFileProperties tFileRowCount tFileCompare tFileFetch "
    "tFileUnarchive tFileArchive tCreateTemporaryFile tHDFSPut tAzureStoragePut tFTPGet tFTPPut tFTPFileList",
    _ALERT: "tSendMail",
    _LOGS: "tLogCatcher tStatCatcher tFlowMeterCatcher tAssertCatcher tContextDump",
    _DATABASE: "tMysqlRow tMSSqlRow tOracleRow tPostgresqlRow tTeradataRow tJDBCRow tDBRow tHiveRow tMysqlSP tOracleSP "
    "tMSSqlSP tCreateTable tMysqlBulkExec tELTMysqlInput tELTMysqlMap tELTMysqlOutput tELTTeradataInput "
    "tELTTeradataMap tELTTeradataOutput tSQLTemplateCommit tSQLTemplateAggregate",
    _FORMAT: "tFileInputExcel tAccessInput tFileInputXML tFileInputJSON tFileOutputExcel tFileOutputJSON tFileOutputXML tAdvancedFileOutputXML "
    "tFileInputMail tFileInputLDIF tFileOutputLDIF tExtractJSONFields tExtractXMLField tXMLMap tXSLT tWriteXMLField",
    _SERVICE: "tRESTClient tRESTRequest tRESTResponse tREST tSOAP tWebServiceInput tKafkaInput tKafkaOutput "
    "tMongoDBInput tMongoDBOutput tSalesforceInput tSalesforceOutput tESBConsumer tESBProviderRequest "
    "tESBProviderResponse tSocketInput tSocketOutput tPOP tServerAlive",
    _SYSTEM: "tSystem tSSH tSetEnv",
    _MERGE: "tMysqlSCD tTeradataSCD tOracleSCD tMSSqlSCD tPostgresqlSCD",
    _BUFFER: "tBufferOutput tBufferInput",
}  # fmt: skip
_REASONS = {kind: reason for reason, kinds in _KINDS.items() for kind in kinds.split()}


def _convert(component: Component, around: Around) -> Converted:
    default = (
        f"{component.kind} is not carried over",
        "Write what it does to rows as SQL in place of the TODO.",
    )
    reason, todo = _REASONS.get(component.kind, default)
    left = left_to_a_person(component, around, reason, todo=todo)
    code = "\n".join(text for name in _CODE if (text := component.text(name).strip()))
    return replace(left, residues=tuple(replace(r, expression=code) for r in left.residues))


HANDLERS: Mapping[str, Handler] = dict.fromkeys(_REASONS, Handler(_convert))
