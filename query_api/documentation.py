"""openapi.json, made from the endpoints, and a page that shows it without the internet."""

import functools
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from pydantic import BaseModel, TypeAdapter
from quart import Quart, Response

from query_api import json_body, problems
from query_api.endpoint import Endpoint
from query_api.version import VERSION

ALWAYS = (401, 403, 405, 422, 429, 500, 503)
"""Problems that every endpoint may answer with."""
WITH_BODY = (400, 413, 415)
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "stable, for programs"},
        "detail": {"type": "string", "description": "for people, with value and rule"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "value", "rule"],
                "properties": {
                    "pointer": {"type": "string"},
                    "value": {},
                    "rule": {"type": "string"},
                },
            },
        },
    },
}
_MEANINGS = {
    200: "Done",
    201: "Made",
    202: "Written down; its effect is to come",
    400: "The body is not JSON",
    401: "No API key, or none that is known",
    403: "The key may not do this",
    404: "There is no such thing of this account",
    405: "The path has not this method",
    409: "Refused, with the code of the market or the registry",
    413: "The body is too large",
    415: "The body is not application/json",
    422: "Fields are wrong; every one is named",
    429: "Too much at once; nothing was done",
    500: "A fault of the server",
    503: "A server that is needed is away",
}
_RETRY_AFTER = {
    "Retry-After": {
        "description": "seconds to wait before it is sent again",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}
_HEADERS: dict[int, dict[str, Any]] = {
    429: {
        **_RETRY_AFTER,
        "RateLimit": {
            "description": "the policy that is used up, and the seconds until there is more"
            " (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left",
            "schema": {"type": "string"},
        },
        "RateLimit-Policy": {
            "description": "quota and window of the key and of its account",
            "schema": {"type": "string"},
        },
    },
    503: _RETRY_AFTER,
}
_IDS = {"type": "string", "format": "uuid"}
_NAME = {"type": "string", "minLength": 1, "maxLength": 128}
"""A client's own; other headers are as absent where they cannot be read."""
_NAMES = {"type": "string", "pattern": "^[A-Za-z0-9._-]+$"}


def add_to(app: Quart, endpoints: Iterable[Endpoint]) -> None:
    """Serve /openapi.json and /docs."""
    document = functools.cache(lambda: json_body.write(openapi(endpoints)))
    page = resources.files("query_api").joinpath("docs.html").read_bytes()

    async def show_document() -> Response:
        return Response(document(), 200, {"Content-Type": "application/json"})

    async def show_page() -> Response:
        return Response(page, 200, {"Content-Type": "text/html; charset=utf-8"})

    app.add_url_rule("/openapi.json", "openapi", show_document, provide_automatic_options=False)
    app.add_url_rule("/docs", "docs", show_page, provide_automatic_options=False)


def openapi(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these endpoints."""
    schemas: dict[str, Any] = {"Problem": _PROBLEM}
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "GPUBroker",
            "version": VERSION,
            "description": "An open marketplace where GPU time is traded like a commodity.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _operation(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.handle.__name__,
        "summary": endpoint.summary,
        "description": _rights(endpoint),
        "tags": [endpoint.path.split("/")[3]],
        "parameters": [*_path_parameters(endpoint), *_query_parameters(endpoint, schemas),
                       *_header_parameters(endpoint)],
        "responses": _responses(endpoint, schemas),
    }  # fmt: skip
    if endpoint.body is not None:
        schema = _schema(endpoint.body, schemas, "validation")
        content = {"application/json": {"schema": schema}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _rights(endpoint: Endpoint) -> str:
    rights = [f"scope {endpoint.scope}"] if endpoint.scope else []
    rights += [f"role {endpoint.role}"] if endpoint.role else []
    return f"{endpoint.handle.__doc__} Needs {' and '.join(rights) or 'any key'}."


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in endpoint.path.split("/") if part.startswith("{")]
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _NAMES if name == "book_id" else _IDS,
        }
        for name in names
    ]


def _query_parameters(endpoint: Endpoint, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    schema = endpoint.query.model_json_schema(ref_template="#/components/schemas/{model}")
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": field.get("description", ""),
            "schema": _without_null(field),
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _without_null(field: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter that is not there is absent, not null."""
    choices = [each for each in field.get("anyOf", ()) if each != {"type": "null"}]
    schema = {**field, **choices[0]} if len(choices) == 1 else dict(field)
    return {
        key: value
        for key, value in schema.items()
        if key not in ("anyOf", "title", "description") and value is not None
    }


def _header_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": meaning,
            "schema": _NAME if name == "Idempotency-Key" else {"type": "string"},
        }
        for name, meaning in endpoint.headers.items()
    ]


def _responses(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    answers = {
        str(status): {
            "description": _MEANINGS[status],
            "content": {
                "application/json": {"schema": _schema(shape, schemas, "serialization")},
                **({"text/csv": {"schema": {"type": "string"}}} if endpoint.table else {}),
            },
        }
        for status, shape in endpoint.answers.items()
    }
    statuses = {*ALWAYS, *endpoint.refusals, *(WITH_BODY if endpoint.body else ())}
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    refusals = {
        str(status): {
            "description": _MEANINGS[status],
            "headers": _HEADERS.get(status, {}),
            "content": {problems.CONTENT_TYPE: problem},
        }
        for status in sorted(statuses)
    }
    return answers | refusals


def _schema(shape: Any, schemas: dict[str, Any], mode: Any) -> dict[str, Any]:
    """A reference to the shape's schema, which is put among the others."""
    schema = TypeAdapter(shape).json_schema(mode=mode, ref_template="#/components/schemas/{model}")
    name = shape.__name__ if not issubclass(shape, BaseModel) else f"{shape.__name__}Body"
    schemas.update(schema.pop("$defs", {}))
    schemas[name] = schema
    return {"$ref": f"#/components/schemas/{name}"}
