"""Flink in the tests' own process."""

import os
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import pytest

from stack import java

MARKS = [
    pytest.mark.stack,
    pytest.mark.timeout(300),
    # PyFlink, and what it needs, warn of each other's classes while they are imported.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    # Flink's JVM serves all tests of the process and ends with it: nobody closes its pipes before.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def tables(settings: Mapping[str, str]) -> Any:
    """A table environment of one subtask, with Flink's settings on top."""
    from pyflink.common import Configuration
    from pyflink.datastream import StreamExecutionEnvironment
    from pyflink.table import StreamTableEnvironment

    configuration = Configuration()
    configuration.set_string("parallelism.default", "1")
    for key, value in settings.items():
        configuration.set_string(key, value)
    for_java = {"JAVA_HOME": str(java.HOME), "JVM_ARGS": " ".join(java.SMALL)}
    with patch.dict(os.environ, for_java):  # other tests start servers with this environment
        environment = StreamExecutionEnvironment.get_execution_environment(configuration)
    return StreamTableEnvironment.create(environment)
