"""What an analyst may try and must not get, as data: a name, a statement, and what is told of it.

`{file}` is our key file, `{url}` a server that must never be called; the test fills in both.
`told` is part of the answer: the thing that was refused, or why the text is no statement at all.
"""

import gzip
from dataclasses import dataclass, field
from typing import Final

TABLES: Final = "rule of tables:"
TABLE_FUNCTIONS: Final = "rule of table functions:"
FUNCTIONS: Final = "rule of functions:"
STATEMENTS: Final = "rule of statements:"
SETTINGS: Final = "rule of settings:"
OUTPUT: Final = "rule of output:"
PARAMETERS: Final = "rule of parameters:"
SYNTAX: Final = "SYNTAX_ERROR"


@dataclass(frozen=True, slots=True)
class Attack:
    """A request; `parameters` go into the URL."""

    name: str
    statement: str | bytes
    told: str
    parameters: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


def _called(kind: str, rule: str, calls: dict[str, str]) -> list[Attack]:
    """One attack a call, which the answer must name."""
    make = "SELECT {}" if kind == "function" else "SELECT * FROM {}"
    return [
        Attack(f"{kind} {name}", make.format(call), f"{kind} {name} is refused by the {rule}")
        for name, call in calls.items()
    ]


DIRECT_TABLE_FUNCTIONS: Final = _called(
    "table function",
    TABLE_FUNCTIONS,
    {
        "file": "file('{file}', 'LineAsString')",
        "fileCluster": "fileCluster('default', '{file}', 'LineAsString')",
        "filesystem": "filesystem('/')",
        "url": "url('{url}', 'LineAsString')",
        "urlCluster": "urlCluster('default', '{url}', 'LineAsString')",
        "s3": "s3('{url}/b/k', 'LineAsString')",
        "s3Cluster": "s3Cluster('default', '{url}/b/k', 'LineAsString')",
        "gcs": "gcs('{url}/b/k', 'LineAsString')",
        "oss": "oss('{url}/b/k', 'LineAsString')",
        "azureBlobStorage": "azureBlobStorage('{url}', 'c', 'p')",
        "hdfs": "hdfs('hdfs://127.0.0.1:1/x', 'LineAsString')",
        "remote": "remote('127.0.0.1:1', system.one)",
        "remoteSecure": "remoteSecure('127.0.0.1:1', system.one)",
        "cluster": "cluster('default', system.one)",
        "clusterAllReplicas": "clusterAllReplicas('default', system.one)",
        "mysql": "mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
        "postgresql": "postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')",
        "mongodb": "mongodb('127.0.0.1:1', 'd', 't', 'u', 'p', 'a Int8')",
        "redis": "redis('127.0.0.1:1', 'k', 'k String')",
        "sqlite": "sqlite('{file}', 't')",
        "odbc": "odbc('DSN=x', 'd', 't')",
        "jdbc": "jdbc('x', 'd', 't')",
        "executable": "executable('cat', 'LineAsString', 'line String')",
        "input": "input('a Int8')",
        "merge": "merge('default', '.*')",
        "loop": "loop(trades)",
        "dictionary": "dictionary('keys')",
        "eval": "eval('SELECT 1')",
        "fuzzJSON": "fuzzJSON('x')",
        "fuzzQuery": "fuzzQuery('SELECT 1')",
        "iceberg": "iceberg('{url}')",
        "icebergLocal": "icebergLocal('/')",
        "deltaLake": "deltaLake('{url}')",
        "deltaLakeLocal": "deltaLakeLocal('/')",
        "hudi": "hudi('{url}')",
        "arrowstream": "arrowstream('x')",
        "mergeTreeIndex": "mergeTreeIndex('default', 'trades_copy')",
        "python": "python(accounts)",
        "Python": "Python(accounts)",
        "format": "format('LineAsString', 'x')",
        "viewIfPermitted": "viewIfPermitted(SELECT 1 ELSE null('a Int8'))",
    },
)
DIRECT_FUNCTIONS: Final = _called(
    "function",
    FUNCTIONS,
    {
        "file": "file('{file}')",
        "addressToLine": "addressToLine(1)",
        "addressToSymbol": "addressToSymbol(1)",
        "demangle": "demangle('a')",
        "catboostEvaluate": "catboostEvaluate('{file}', 1)",
        "evalMLMethod": "evalMLMethod(1, 2)",
        "dictGet": "dictGet('keys', 'line', 1)",
        "dictGetOrDefault": "dictGetOrDefault('keys', 'line', 1, '')",
        "dictHas": "dictHas('keys', 1)",
        "joinGet": "joinGet('default.joined', 'line', 1)",
        "hasColumnInTable": "hasColumnInTable('127.0.0.1:1', 'd', 't', 'c')",
        "filesystemAvailable": "filesystemAvailable()",
        "filesystemCapacity": "filesystemCapacity()",
        "showCertificate": "showCertificate()",
        "getOSKernelVersion": "getOSKernelVersion()",
        "getServerSetting": "getServerSetting('path')",
        "getMacro": "getMacro('x')",
        "getClientHTTPHeader": "getClientHTTPHeader('authorization')",
        "globalVariable": "globalVariable('version')",
        "hostName": "hostName()",
        "FQDN": "FQDN()",
        "tcpPort": "tcpPort()",
        "serverUUID": "serverUUID()",
        "zookeeperSessionUptime": "zookeeperSessionUptime()",
        "generateSerialID": "generateSerialID('x')",
        "regionToName": "regionToName(1)",
        "aiGenerate": "aiGenerate('x')",
        "AIGenerate": "AIGenerate('x')",
        "sleep": "sleep(1)",
        "sleepEachRow": "sleepEachRow(1)",
        "logTrace": "logTrace('x')",
        "formatRow": "formatRow('Template', 1)",
        "flameGraph": "flameGraph([1])",
        "groupFormat": "groupFormat('CSV')(1)",
        "slurp": "slurp('{file}')",
        "chdb": "chdb()",
        "__getScalar": "__getScalar('x')",
    },
)

NESTED: Final = [
    Attack(f"nested {name}", statement, "file is refused")
    for name, statement in {
        "in a subquery": "SELECT * FROM (SELECT * FROM file('{file}', 'LineAsString'))",
        "four deep": "SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT file('{file}'))))",
        "in WITH": "WITH k AS (SELECT * FROM file('{file}', 'LineAsString')) SELECT * FROM k",
        "in a WITH never read": "WITH k AS (SELECT file('{file}')) SELECT 1",
        "in a scalar of WITH": "WITH file('{file}') AS k SELECT k",
        "in WITH RECURSIVE": "WITH RECURSIVE r AS (SELECT file('{file}') AS a UNION ALL"
        " SELECT a FROM r) SELECT * FROM r LIMIT 2",
        "as a scalar subquery": "SELECT (SELECT * FROM file('{file}', 'LineAsString') LIMIT 1)",
        "in IN": "SELECT 1 WHERE 'a' IN (SELECT * FROM file('{file}', 'LineAsString'))",
        "in GLOBAL NOT IN": "SELECT 1 WHERE 'a' GLOBAL NOT IN (SELECT file('{file}'))",
        "as table function in IN": "SELECT 1 WHERE 'a' IN file('{file}', 'LineAsString')",
        "in EXISTS": "SELECT EXISTS (SELECT 1 FROM file('{file}', 'LineAsString'))",
        "in ANY": "SELECT 1 = ANY (SELECT file('{file}'))",
        "in JOIN": "SELECT * FROM numbers(1) AS n JOIN file('{file}', 'LineAsString') AS f ON 1",
        "behind a comma": "SELECT * FROM numbers(1), file('{file}', 'LineAsString')",
        "in JOIN ON": "SELECT * FROM numbers(1) a JOIN numbers(1) b ON length(file('{file}'))",
        "in ARRAY JOIN": "SELECT a FROM numbers(1) ARRAY JOIN [file('{file}')] AS a",
        "in UNION": "SELECT '' UNION ALL SELECT * FROM file('{file}', 'LineAsString')",
        "in INTERSECT": "SELECT '' INTERSECT SELECT file('{file}')",
        "in EXCEPT": "SELECT '' EXCEPT SELECT file('{file}')",
        "in a lambda": "SELECT arrayMap(x -> file(x), ['{file}'])",
        "in a named lambda": "WITH (x -> file(x)) AS f SELECT f('{file}')",
        "in APPLY": "SELECT * APPLY(file) FROM (SELECT '{file}')",
        "in APPLY of a lambda": "SELECT * APPLY(x -> file(x)) FROM (SELECT '{file}')",
        "in COLUMNS APPLY": "SELECT COLUMNS('a') APPLY(file) FROM (SELECT '{file}' AS a)",
        "in REPLACE": "SELECT * REPLACE (file(a) AS a) FROM (SELECT '{file}' AS a)",
        "in CASE": "SELECT CASE WHEN 1 THEN file('{file}') ELSE '' END",
        "in if": "SELECT if(0, file('{file}'), '')",
        "in WHERE": "SELECT 1 WHERE file('{file}') != ''",
        "in PREWHERE": "SELECT 1 FROM trades_copy PREWHERE file('{file}') != ''",
        "in GROUP BY": "SELECT 1 GROUP BY file('{file}')",
        "in HAVING": "SELECT count() FROM numbers(1) HAVING file('{file}') != ''",
        "in QUALIFY": "SELECT 1 FROM numbers(1) QUALIFY file('{file}') != ''",
        "in ORDER BY": "SELECT 1 ORDER BY file('{file}')",
        "in LIMIT": "SELECT 1 LIMIT (SELECT length(file('{file}')))",
        "in LIMIT BY": "SELECT 1 FROM numbers(1) LIMIT 1 BY file('{file}')",
        "in WITH FILL": "SELECT number FROM numbers(1) ORDER BY number WITH FILL TO"
        " length(file('{file}'))",
        "in INTERPOLATE": "SELECT number, 'a' AS a FROM numbers(1) ORDER BY number WITH FILL TO 3"
        " INTERPOLATE (a AS file('{file}'))",
        "in a window": "SELECT count() OVER (PARTITION BY file('{file}')) FROM numbers(1)",
        "in WINDOW": "SELECT count() OVER w FROM numbers(1) WINDOW w AS (ORDER BY file('{file}'))",
        "in an aggregate": "SELECT any(file('{file}'))",
        "in FILTER": "SELECT count() FILTER (WHERE file('{file}') != '')",
        "in view()": "SELECT * FROM view(SELECT * FROM file('{file}', 'LineAsString'))",
        "in numbers()": "SELECT * FROM numbers(length(file('{file}')))",
        "in values()": "SELECT * FROM values('a String', file('{file}'))",
        "in VALUES": "SELECT * FROM (VALUES (file('{file}')))",
        "in EXPLAIN": "EXPLAIN SELECT * FROM file('{file}', 'LineAsString')",
        "in EXPLAIN SYNTAX": "EXPLAIN SYNTAX SELECT file('{file}')",
        "in EXPLAIN QUERY TREE": "EXPLAIN QUERY TREE SELECT file('{file}')",
        "in EXPLAIN PIPELINE": "EXPLAIN PIPELINE SELECT * FROM file('{file}', 'LineAsString')",
        "in EXPLAIN ESTIMATE": "EXPLAIN ESTIMATE SELECT file('{file}')",
        "in DESCRIBE": "DESCRIBE file('{file}', 'LineAsString')",
        "in DESCRIBE of a subquery": "DESC (SELECT file('{file}'))",
        "in SHOW TABLES": "SHOW TABLES WHERE name = file('{file}')",
        "in SHOW COLUMNS": "SHOW COLUMNS FROM trades WHERE field = file('{file}')",
        "in a view": "SELECT * FROM leaky",
        "in a view of a view": "SELECT * FROM over_leaky",
        "in a view in IN": "SELECT 1 WHERE 'a' IN leaky",
        "in a view that is described": "DESCRIBE leaky",
    }.items()
]

HIDDEN: Final = [
    Attack(f"hidden {name}", statement, told)
    for name, statement, told in [
        (
            "by EXPLAIN in FROM",
            "SELECT * FROM (EXPLAIN SELECT file('{file}'))",
            "table function viewExplain",
        ),
        ("by a lambda's name", "WITH x -> file(x) AS upper SELECT upper('{file}')", "file"),
        ("by comments", "SELECT/**/file/* x */(/**/'{file}'/**/)", "function file"),
        ("by line comments", "SELECT -- a\nfile -- b\n('{file}')", "function file"),
        ("by a hash comment", "SELECT #! a\nfile('{file}')", "function file"),
        ("by a comment in a comment", "SELECT /* /* */ file('{file}')", SYNTAX),
        ("behind a comment's end", "SELECT 1 /* ' */, file('{file}') -- '", "function file"),
        ("by backticks", "SELECT `file`('{file}')", "function file"),
        ("by double quotes", "SELECT \"file\"('{file}')", "function file"),
        ("by an escape in a name", "SELECT `fi\\x6ce`('{file}')", "function file"),
        ("by an octal-like escape", "SELECT `f\\151le`('{file}')", "is refused"),
        ("by white space", "SELECT\tfile\r\n\v\f('{file}')", "function file"),
        ("by no-break spaces", "SELECT\u00a0file('{file}')", "function file"),
        ("by an ideographic space", "SELECT\u3000file('{file}')", "function file"),
        ("by a byte order mark", "\ufeffSELECT file('{file}')", "function file"),
        ("by a zero-width space", "SELECT\u200bfile('{file}')", "function file"),
        ("by full-width letters", "SELECT ｆｉｌｅ('{file}')", SYNTAX),
        ("by a Cyrillic letter", "SELECT fil\u0435('{file}')", SYNTAX),
        ("by a Cyrillic letter in quotes", "SELECT `fil\u0435`('{file}')", "function fil\u0435"),
        ("by a right-to-left mark", "SELECT \u202efile('{file}')", SYNTAX),
        ("by upper case", "SELECT * FROM FILE('{file}')", "table function FILE"),
        ("by mixed case", "SELECT * FROM Url('{url}')", "table function Url"),
        ("by upper case of a function", "SELECT SLEEP(1)", "function SLEEP"),
        ("by a heredoc", "SELECT file($x${file}$x$)", "function file"),
        ("by hexadecimal text", "SELECT file(x'2f')", "function file"),
        ("by concatenation", "SELECT file(concat('/', 'etc/passwd'))", "function file"),
        ("by a semicolon", "SELECT 1; SELECT file('{file}')", "Multi-statements"),
        ("by two semicolons", "SELECT 1;; SELECT file('{file}')", "Multi-statements"),
        ("by a semicolon in a comment", "SELECT 1 /*;*/ ; DROP TABLE trades_copy", "Multi-st"),
        ("by a null byte", "SELECT 1\0, file('{file}')", "Syntax error"),
        ("by a null byte at the end", "SELECT file('{file}')\0", "Syntax error"),
        ("as a table", "SELECT * FROM `{file}`", TABLES),
        ("as a string table", "SELECT * FROM '{file}'", TABLES),
        ("as a table of default", "SELECT * FROM default.`{file}`", TABLES),
        ("as a table of default, in quotes", 'SELECT * FROM "default"."{file}"', TABLES),
        ("as a relative table", "SELECT * FROM `../credentials.json`", TABLES),
        ("as a table without a path", "SELECT * FROM environment", TABLES),
        ("as a glob", "SELECT * FROM `/{etc,x}/pass*`", TABLES),
        ("as an archive", "SELECT * FROM `x.zip :: {file}`", TABLES),
        ("as a table by URL", "SELECT * FROM `{url}`", TABLES),
        ("as a table in IN", "SELECT 1 WHERE 'a' IN `{file}`", TABLES),
        ("as a table of default in IN", "SELECT 1 WHERE 'a' IN default.environment", TABLES),
        ("as a table in in()", "SELECT in('a', `{file}`)", TABLES),
        ("as a table in notIn()", "SELECT globalNotIn('a', default.`{file}`)", TABLES),
        ("as a table that is described", "DESCRIBE TABLE `{file}`", TABLES),
        ("as a table that may exist", "EXISTS TABLE `{file}`", TABLES),
        ("as a table that is shown", "SHOW CREATE TABLE `{file}`", TABLES),
        ("under the name of a WITH", "WITH x AS (SELECT * FROM `x`) SELECT * FROM x", TABLES),
        (
            "under the name of a WITH, in view()",
            "WITH environment AS (SELECT 1) SELECT * FROM view(SELECT * FROM environment)",
            TABLES,
        ),
        (
            "under the name of a WITH RECURSIVE",
            "WITH RECURSIVE leaky AS (SELECT * FROM leaky) SELECT * FROM leaky",
            "function file",
        ),
        (
            "under the name of a WITH RECURSIVE, in its first part",
            "WITH RECURSIVE outside AS (SELECT * FROM outside UNION ALL SELECT 'a')"
            " SELECT * FROM outside",
            "of engine File",
        ),
        (
            "under a WITH that is named like it",
            "WITH `{file}` AS (SELECT 1) SELECT * FROM `{file}`",
            TABLES,
        ),
        (
            "behind a UNION with such a WITH",
            "(WITH `{file}` AS (SELECT 1) SELECT 1) UNION ALL SELECT * FROM `{file}`",
            TABLES,
        ),
        ("by an alias of its database", "WITH default AS k SELECT 'a' IN k.environment", TABLES),
        (
            "under a WITH of another SELECT",
            "SELECT * FROM (WITH e AS (SELECT 1) SELECT * FROM e), e",
            TABLES,
        ),
        ("as a table of another database", "SELECT * FROM folder.`{file}`", TABLES),
        ("as a table of another database in IN", "SELECT 'a' IN folder.keys", TABLES),
        ("as a table with an engine", "SELECT * FROM outside", "of engine File"),
        ("as a table with an engine in IN", "SELECT 1 WHERE 'a' IN outside", "of engine File"),
        ("as a parametrised view", "SELECT * FROM asked(path = '{file}')", TABLE_FUNCTIONS),
        ("as an alias of a table in IN", "WITH `{file}` AS k SELECT 'a' IN k", TABLES),
        ("as an alias behind IN", "SELECT 'a' IN k, default.`{file}` AS k", TABLES),
        ("as an alias of an alias", "WITH `{file}` AS k, k AS l SELECT 'a' IN l", TABLES),
        (
            "in a structure",
            "SELECT b FROM values('a Int8, b String ALIAS file(''{file}'')', 1)",
            "first argument of table function values",
        ),
        (
            "in a structure of random rows",
            "SELECT b FROM generateRandom('a Int8, b String ALIAS file(''{file}'')') LIMIT 1",
            "first argument of table function generateRandom",
        ),
        (
            "in a structure that is computed",
            "SELECT b FROM generateRandom(concat('a Int8, b String ALIAS fi', 'le(''{file}'')'))",
            "first argument of table function generateRandom",
        ),
        (
            "in a structure by name",
            "WITH 'a Int8, b String ALIAS file(''{file}'')' AS s SELECT b FROM values(s, 1)",
            "first argument of table function values",
        ),
        (
            "in a structure by parentheses in quotes",
            "SELECT b FROM values('a Enum8(''('' = 1), b String ALIAS file(''{file}'') --)', 1)",
            "first argument of table function values",
        ),
        (
            "in a structure by a comment",
            "SELECT b FROM values('a Int8, b String/**/ALIAS/**/file(''{file}'')', 1)",
            "first argument of table function values",
        ),
        (
            "in a structure of nothing",
            "SELECT b FROM null('b String MATERIALIZED file(''{file}'')')",
            "first argument of table function null",
        ),
        ("as data of an INSERT", "INSERT INTO trades_copy FORMAT TSV\n1\n", STATEMENTS),
        ("in a nested aggregate", "SELECT sumIf(length(file('{file}')), 1)", "function file"),
        ("as a combined function", "SELECT fileIf('{file}', 1)", "function fileIf"),
        ("by a SETTINGS dialect", "SELECT 1 SETTINGS dialect = 'clickhouse_json'", SETTINGS),
    ]
]

SECRET_TABLES: Final = [
    "processes",
    "query_log",
    "query_cache",
    "users",
    "grants",
    "roles",
    "named_collections",
    "server_settings",
    "user_directories",
    "backups",
    "disks",
    "storage_policies",
    "dictionaries",
    "remote_data_paths",
    "clusters",
    "stack_trace",
    "symbols",
    "certificates",
    "macros",
    "errors",
    "warnings",
    "user_query_log",
    "detached_parts",
    "schema_inference_cache",
    "session_query_ids",
    "kafka_consumers",
]
SECRETS: Final = [
    Attack(f"system.{name}", f"SELECT * FROM system.{name}", f"table system.{name} is refused")
    for name in SECRET_TABLES
] + [
    Attack("system in IN", "SELECT 'a' IN system.processes", "table system.processes"),
    Attack("system as the database", "SELECT * FROM processes", TABLES, {"database": "system"}),
    Attack("a word of system in IN", "SELECT 1 IN processes", TABLES, {"database": "system"}),
    Attack(
        "a word of system in WITH RECURSIVE",
        "WITH RECURSIVE processes AS (SELECT * FROM processes) SELECT * FROM processes",
        TABLES,
        {"database": "system"},
    ),
    Attack("SHOW PROCESSLIST", "SHOW PROCESSLIST", STATEMENTS),
    Attack("SHOW GRANTS", "SHOW GRANTS", STATEMENTS),
    Attack("SHOW CREATE USER", "SHOW CREATE USER", STATEMENTS),
    Attack("SHOW ACCESS", "SHOW ACCESS", STATEMENTS),
    Attack("SHOW CLUSTERS", "SHOW CLUSTERS", STATEMENTS),
    Attack("information schema", "SELECT * FROM information_schema.engines", TABLES),
]

STATEMENTS_REFUSED: Final = [
    Attack(f"statement {statement.split(maxsplit=2)[0]} {number}", statement, STATEMENTS)
    for number, statement in enumerate(
        [
            "INSERT INTO trades_copy VALUES (1)",
            "INSERT INTO trades_copy SELECT 1",
            "INSERT INTO FUNCTION file('x.csv') SELECT 1",
            "CREATE TABLE u (a Int8) ENGINE = Memory",
            "CREATE TEMPORARY TABLE u (a Int8)",
            "CREATE TABLE u ENGINE = File(TSV, '{file}')",
            "CREATE VIEW u AS SELECT 1",
            "CREATE FUNCTION f AS (x) -> file(x)",
            "CREATE DICTIONARY d (a Int8) PRIMARY KEY a SOURCE(FILE(path '{file}' format 'CSV'))"
            " LAYOUT(FLAT()) LIFETIME(0)",
            "CREATE DATABASE d ENGINE = Filesystem('/')",
            "CREATE NAMED COLLECTION c AS a = 1",
            "CREATE USER u",
            "GRANT ALL ON *.* TO default",
            "DROP TABLE trades_copy",
            "DETACH TABLE trades_copy",
            "ATTACH TABLE u (a Int8) ENGINE = File(TSV, '{file}')",
            "TRUNCATE TABLE trades_copy",
            "RENAME TABLE trades_copy TO u",
            "ALTER TABLE trades_copy DELETE WHERE 1",
            "DELETE FROM trades_copy WHERE 1",
            "UPDATE trades_copy SET a = 1 WHERE 1",
            "OPTIMIZE TABLE trades_copy",
            "CHECK TABLE trades_copy",
            "SYSTEM FLUSH LOGS",
            "SYSTEM SHUTDOWN",
            "KILL QUERY WHERE 1",
            "BACKUP TABLE trades_copy TO File('x')",
            "RESTORE TABLE trades_copy FROM File('x')",
            "SET readonly = 0",
            "SET max_execution_time = 0",
            "USE system",
            "BEGIN TRANSACTION",
            "EXECUTE AS default SELECT 1",
            "SELECT 1 PARALLEL WITH SELECT 2",
            "EXPLAIN AST DROP TABLE trades_copy",
            "EXPLAIN SYNTAX INSERT INTO trades_copy SELECT 1",
            "EXPLAIN AST CREATE TABLE u ENGINE = File(TSV, '{file}')",
            "EXPLAIN CURRENT TRANSACTION",
        ]
    )
]

LIMITS: Final = [
    Attack("SETTINGS", "SELECT 1 SETTINGS max_execution_time = 0", SETTINGS),
    Attack("SETTINGS to its default", "SELECT 1 SETTINGS max_result_rows = 0", SETTINGS),
    Attack(
        "SETTINGS in a subquery",
        "SELECT * FROM (SELECT 1 SETTINGS max_memory_usage = 0)",
        "setting max_memory_usage",
    ),
    Attack("SETTINGS in WITH", "WITH a AS (SELECT 1 SETTINGS readonly = 0) SELECT 1", SETTINGS),
    Attack("SETTINGS behind FORMAT", "SELECT 1 FORMAT TSV SETTINGS readonly = 0", SETTINGS),
    Attack("SETTINGS of a table function", "SELECT * FROM numbers(1, SETTINGS a = 1)", SETTINGS),
    Attack("SETTINGS of EXPLAIN's SELECT", "EXPLAIN SELECT 1 SETTINGS readonly = 0", SETTINGS),
    Attack("SETTINGS of DESCRIBE", "DESCRIBE trades SETTINGS readonly = 0", SETTINGS),
    Attack("SETTINGS of SHOW", "SHOW TABLES SETTINGS readonly = 0", SETTINGS),
    Attack("SETTINGS of a view", "SELECT * FROM unlimited", "setting max_result_rows"),
    Attack("URL setting", "SELECT 1", "setting readonly", {"readonly": "0"}),
    Attack("URL time", "SELECT 1", "setting max_execution_time", {"max_execution_time": "0"}),
    Attack("URL path", "SELECT 1", "setting user_files_path", {"user_files_path": "/"}),
    Attack("URL schema", "SELECT 1", "setting format_schema", {"format_schema": "{file}"}),
    Attack("INTO OUTFILE", "SELECT 1 INTO OUTFILE '{file}'", OUTPUT),
    Attack("INTO OUTFILE TRUNCATE", "SELECT 1 INTO OUTFILE '{file}' TRUNCATE", OUTPUT),
    Attack("INTO OUTFILE of a union", "SELECT 1 UNION ALL SELECT 2 INTO OUTFILE 'x'", OUTPUT),
    Attack("INTO OUTFILE of EXPLAIN", "EXPLAIN AST SELECT 1 INTO OUTFILE 'x'", OUTPUT),
    Attack("INTO OUTFILE of DESCRIBE", "DESCRIBE trades INTO OUTFILE 'x'", OUTPUT),
    Attack("format Template", "SELECT 1 FORMAT Template", "format Template"),
    Attack("format Protobuf", "SELECT 1 FORMAT Protobuf", "format Protobuf"),
    Attack("format of chDB", "SELECT 1", "format DataFrame", {"default_format": "DataFrame"}),
    Attack(
        "format of a header",
        "SELECT 1",
        "format ArrowTable",
        headers={"X-ClickHouse-Format": "ArrowTable"},
    ),
    Attack("parameter as a table", "SELECT * FROM {t:Identifier}", PARAMETERS, {"param_t": "/"}),
    Attack("parameter as a column", "SELECT {c:Identifier}", PARAMETERS, {"param_c": "x"}),
    Attack(
        "parameter in IN",
        "SELECT 1 IN {t:Identifier}",
        PARAMETERS,
        {"param_t": "environment"},
    ),
    Attack(
        "parameter in a call", "SELECT file({p:String})", "function file", {"param_p": "{file}"}
    ),
    Attack(
        "parameter as a structure",
        "SELECT b FROM values({s:String}, 1)",
        "first argument of table function values",
        {"param_s": "a Int8, b String ALIAS file('{file}')"},
    ),
    Attack("parameter of text", "SELECT {p:String}", "Code:", {"param_q": "', file('{file}')"}),
    Attack("database of files", "SELECT * FROM keys", "folder", {"database": "folder"}),
    Attack("database unknown", "SELECT 1", "nowhere", {"database": "nowhere"}),
    Attack("statement in two places", "file('{file}')", "function file", {"query": "SELECT"}),
    Attack("not UTF-8", b"SELECT file('\xff\xfe')", "not UTF-8"),
    Attack("overlong UTF-8", b"SELECT f\xc1\xa9le('/etc/passwd')", "not UTF-8"),
    Attack("UTF-16", "SELECT file('/etc/passwd')".encode("utf-16"), "not UTF-8"),
    Attack("deep nesting", "SELECT * FROM (" * 150 + "SELECT 1" + ")" * 150, "depth"),
    Attack("nesting", "SELECT * FROM (" * 80 + "SELECT 1" + ")" * 80, "too deeply"),
    Attack("long text", "SELECT '" + "a" * (1 << 20) + "'", "rule of size"),
    Attack(
        "packed text",
        gzip.compress(b"SELECT '" + b"a" * (1 << 24) + b"'"),
        "content-encoding gzip",
        headers={"Content-Encoding": "gzip"},
    ),
]

ATTACKS: Final = (
    *DIRECT_TABLE_FUNCTIONS,
    *DIRECT_FUNCTIONS,
    *NESTED,
    *HIDDEN,
    *SECRETS,
    *STATEMENTS_REFUSED,
    *LIMITS,
)

ORDINARY: Final = {
    "aggregates": "SELECT gpu_type, count() AS n, sum(quantity * price) FROM trades GROUP BY 1",
    "the whole of a view": "SELECT * FROM orders LIMIT 10",
    "join": "SELECT t.trade_id, status FROM trades t JOIN orders o ON order_id = bid_order_id",
    "join USING": "SELECT * FROM trades JOIN market_status USING (book_id)",
    "ASOF join": "SELECT * FROM trades t ASOF JOIN market_status s ON t.book_id = s.book_id"
    " AND t.book_seq >= s.book_seq",
    "semi and anti join": "SELECT 1 FROM trades t LEFT ANTI JOIN orders o"
    " ON o.order_id = t.bid_order_id",
    "window": "SELECT gpu_type, avg(price) OVER (PARTITION BY gpu_type ORDER BY timestamp"
    " ROWS BETWEEN 9 PRECEDING AND CURRENT ROW) AS p, row_number() OVER w FROM trades"
    " WINDOW w AS (PARTITION BY region ORDER BY timestamp) QUALIFY p > 0",
    "lag": "SELECT lagInFrame(price, 1) OVER (ORDER BY timestamp), rank() OVER (ORDER BY price)"
    " FROM trades",
    "common table expressions": "WITH a AS (SELECT * FROM trades), b AS (SELECT * FROM a)"
    " SELECT count() FROM b UNION ALL SELECT count() FROM a",
    "recursive": "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5)"
    " SELECT sum(n) FROM r",
    "scalar WITH": "WITH (SELECT max(price) FROM trades) AS top SELECT count() FROM trades"
    " WHERE price = top",
    "IN a common table expression": "WITH t AS (SELECT 'H100') SELECT 'H100' IN t",
    "IN an alias": "WITH [1, 2] AS ids SELECT 1 IN ids",
    "IN a table": "SELECT count() FROM trades WHERE 1 IN (SELECT 1) AND trade_id NOT IN ('a', 'b')",
    "arrays": "SELECT arrayMap(x -> x * 2, range(5)), arrayFilter((x, y) -> x > y, [1, 2], [2, 1]),"
    " arraySort(x -> -x, groupArray(quantity)) FROM trades",
    "ARRAY JOIN": "SELECT node_id, slot FROM nodes ARRAY JOIN slots AS slot",
    "arrayJoin": "SELECT arrayJoin([1, 2, 3]) AS x, x % 2",
    "quantiles": "SELECT quantiles(0.5, 0.95, 0.99)(price), quantileTDigestIf(0.5)(quantity, 1),"
    " median(price), uniqCombined(buyer_id), topK(3)(gpu_type) FROM trades",
    "combinators": "SELECT sumIf(quantity, price > 1), countIfOrNull(0), avgOrNull(price),"
    " argMaxIf(price, timestamp, 1), sumMap(map('a', 1)), SUM(quantity), Count(*) FROM trades",
    "filter": "SELECT count() FILTER (WHERE quantity > 1) FROM trades",
    "states": "SELECT uniqMerge(s) FROM (SELECT uniqState(trade_id) AS s FROM trades)",
    "rollup": "SELECT gpu_type, region, grouping(region), count() FROM trades"
    " GROUP BY ROLLUP(gpu_type, region) HAVING count() > 0",
    "grouping sets": "SELECT count() FROM trades GROUP BY GROUPING SETS ((gpu_type), (region))",
    "time": "SELECT toStartOfHour(timestamp) AS h, count() FROM trades"
    " WHERE timestamp > now() - INTERVAL 1 DAY GROUP BY h ORDER BY h WITH FILL STEP 3600",
    "time functions": "SELECT toStartOfInterval(now(), INTERVAL 5 MINUTE), dateDiff('hour', now(),"
    " now()), formatDateTime(now(), '%F'), EXTRACT(year FROM now()), DATE '2026-01-01'",
    "strings": "SELECT lower('A') || 'b', splitByChar('.', 'a.b')[1], format('{}-{}', 1, 2),"
    " replaceRegexpAll('abc', 'b', ''), substring('abc', 2), 'a' LIKE '%a', trim(' a')",
    "JSON": "SELECT JSONExtractString('{\"a\": \"b\"}', 'a'), toJSONString(map('a', 1))",
    "conditions": "SELECT CASE gpu_type WHEN 'H100' THEN 1 ELSE 2 END, if(1, 2, 3),"
    " multiIf(1, 2, 3), coalesce(NULL, 1), 1 BETWEEN 0 AND 2 FROM trades",
    "casts": "SELECT CAST(1 AS String), 1::Float64, toDecimal64('1.5', 4), accurateCast(1, 'Int8')",
    "columns": "SELECT * EXCEPT (trade_id) APPLY(toString), COLUMNS('price') FROM trades",
    "replace": "SELECT * REPLACE (price * 2 AS price) FROM trades",
    "DISTINCT ON": "SELECT DISTINCT ON (gpu_type) * FROM trades ORDER BY timestamp DESC",
    "LIMIT BY": "SELECT * FROM trades ORDER BY timestamp LIMIT 3 BY gpu_type LIMIT 1, 5",
    "EXISTS": "SELECT EXISTS (SELECT 1 FROM trades), NOT EXISTS (SELECT 1)",
    "ANY and ALL": "SELECT 1 = ANY (SELECT 1), 1 <= ALL (SELECT 1)",
    "INTERSECT": "SELECT 1 INTERSECT SELECT 1 EXCEPT SELECT 2",
    "FINAL": "SELECT count() FROM orders_matched FINAL",
    "SAMPLE-less PREWHERE": "SELECT count() FROM orders_matched PREWHERE quantity > 0",
    "raw facts": "SELECT book_id, max(book_seq) FROM orders_created GROUP BY book_id",
    "generators": "SELECT * FROM numbers(3) a, generateSeries(1, 2) b, values((1, 'x')) c",
    "structures": "SELECT * FROM values('a Int8, b Array(Tuple(x String, y DateTime(''UTC'')))',"
    " (1, []))",
    "random rows": "SELECT * FROM generateRandom('a Decimal(9, 4), b Nullable(String)') LIMIT 3",
    "untuple": "SELECT untuple((1, 2))",
    "IN an alias of a column": "SELECT number AS n, [n] AS ns, 1 IN ns FROM numbers(3)",
    "view()": "SELECT * FROM view(SELECT count() FROM trades)",
    "VALUES": "SELECT * FROM (VALUES (1, 'a'), (2, 'b'))",
    "parameters": "SELECT {n:UInt8}, count() FROM trades WHERE gpu_type = {g:String}",
    "system.tables": "SELECT name, total_rows FROM system.tables WHERE database = 'default'",
    "system.columns": "SELECT name, type FROM system.columns WHERE table = 'trades'",
    "system.functions": "SELECT name FROM system.functions WHERE name LIKE 'array%' LIMIT 3",
    "system.parts": "SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts GROUP BY table",
    "system.databases": "SELECT name FROM system.databases",
    "system.one": "SELECT * FROM system.one",
    "information schema": "SELECT table_name FROM information_schema.tables LIMIT 3",
    "SHOW TABLES": "SHOW TABLES LIKE 'orders%'",
    "SHOW TABLES FROM": "SHOW TABLES FROM default WHERE name != 'x' LIMIT 5",
    "SHOW DATABASES": "SHOW DATABASES",
    "SHOW COLUMNS": "SHOW COLUMNS FROM trades",
    "SHOW INDEX": "SHOW INDEX FROM orders_matched",
    "SHOW CREATE TABLE": "SHOW CREATE TABLE orders_matched",
    "SHOW CREATE VIEW": "SHOW CREATE VIEW trades",
    "SHOW SETTINGS": "SHOW SETTINGS LIKE 'max_execution_time'",
    "DESCRIBE": "DESCRIBE trades",
    "DESC of a SELECT": "DESC (SELECT 1 AS a)",
    "EXISTS TABLE": "EXISTS TABLE trades",
    "EXPLAIN": "EXPLAIN SELECT * FROM trades WHERE quantity > 1",
    "EXPLAIN indexes": "EXPLAIN indexes = 1, actions = 1 SELECT * FROM orders_matched",
    "EXPLAIN AST": "EXPLAIN AST SELECT 1",
    "EXPLAIN SYNTAX": "EXPLAIN SYNTAX SELECT * FROM trades",
    "EXPLAIN PIPELINE": "EXPLAIN PIPELINE SELECT count() FROM trades",
    "EXPLAIN ESTIMATE": "EXPLAIN ESTIMATE SELECT count() FROM orders_matched",
    "FROM first": "FROM trades SELECT count()",
    "words that only look forbidden": "SELECT 'into outfile file(url)' AS file, count() AS url"
    " FROM trades -- file('x')",
    "who and what": "SELECT version(), timezone(), currentDatabase(), currentUser()",
}
FORMATS: Final = [
    "CSV",
    "CSVWithNames",
    "TSV",
    "TabSeparatedWithNamesAndTypes",
    "JSON",
    "JSONCompact",
    "JSONEachRow",
    "JSONStrings",
    "JSONCompactStrings",
    "Parquet",
    "Arrow",
    "ArrowStream",
    "ORC",
    "Native",
    "RowBinaryWithNamesAndTypes",
    "Pretty",
    "Vertical",
    "Markdown",
    "XML",
    "Values",
    "Null",
]
