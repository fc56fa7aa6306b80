"""The schema registry: Apicurio, which keeps its schemas and their ids in a topic of our broker.

The ids are in every record of the log, so they must live exactly as long as the log does.
"""

from schemas.settings import Settings
from stack import artifacts, java
from stack.program import Program, answers, bare_environment

API = "/apis/ccompat/v7"
OPTIONS = ("-Xms64m", "-Xmx256m", *java.SMALL)


def program(settings: Settings) -> Program:
    """The registry, ready once it answers its Confluent API."""
    port = settings.port("REGISTRY_PORT")
    folder = artifacts.folder(settings) / "unpacked" / _archive(settings)
    return Program(
        name="registry",
        command=(str(java.EXECUTABLE), *OPTIONS, java.scratch(settings), "-jar", "quarkus-run.jar"),
        needs=("kafka",),
        environment={**bare_environment(), **_configuration(settings)},
        folder=folder,
        ports=(port,),
        ready=answers(f"{url(settings)}/subjects"),
        prepare=lambda: _prepare(settings),
    )


def url(settings: Settings) -> str:
    """The base of the registry's Confluent API."""
    return f"http://{settings.text('HOST')}:{settings.port('REGISTRY_PORT')}{API}"


def _archive(settings: Settings) -> str:
    (archive,) = artifacts.paths(settings, "registry")
    return archive.name.removesuffix(".tar.gz")


def _configuration(settings: Settings) -> dict[str, str]:
    broker = f"{settings.text('HOST')}:{settings.port('KAFKA_PORT')}"
    return {
        "QUARKUS_HTTP_HOST": settings.text("HOST"),
        "QUARKUS_HTTP_PORT": str(settings.port("REGISTRY_PORT")),
        "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
        # A second port that nobody asks: any free one, or a second stack could not start.
        "QUARKUS_MANAGEMENT_HOST": settings.text("HOST"),
        "QUARKUS_MANAGEMENT_PORT": "0",
        "QUARKUS_OTEL_SDK_DISABLED": "true",
        "APICURIO_STORAGE_KIND": "kafkasql",
        "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS": broker,
        # At each start it looks twice for a snapshot, and waits that long for one.
        "APICURIO_KAFKASQL_CONSUMER_POLL_TIMEOUT": "1000",
        "APICURIO_STORAGE_SNAPSHOT_LOCATION": str(settings.path("HOME") / "registry"),
        "APICURIO_DATASOURCE_JDBC_INITIAL_SIZE": "2",
        "APICURIO_DATASOURCE_JDBC_MIN_SIZE": "2",
        "APICURIO_DATASOURCE_JDBC_MAX_SIZE": "10",
    }


def _prepare(settings: Settings) -> None:
    (settings.path("HOME") / "registry").mkdir(parents=True, exist_ok=True)
    java.scratch_folder(settings).mkdir(exist_ok=True)
    artifacts.unpacked(settings, "registry")
