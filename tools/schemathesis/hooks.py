# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0
"""What a document of types cannot say, for schemathesis.

A request that fits the document may still be refused, since it names what is not
there or contradicts itself or the time of day. Which refusals these are is listed
here, each with its reason: a refusal that is not listed is a fault of the document
or of the host.
"""

import json

import jsonschema_rs
import schemathesis

# Codes that say that a name is unknown, or that this cannot be done now.
KNOWN_CODES = {
    "bad_config": "what is in the files of a config is no matter of the document",
    "events_gone": "which events are kept depends on what has happened",
    "no_config": "a host may run without config files",
    "no_trial": "there is nothing to promote",
    "unknown_version": "there is no such version",
    "unknown_agent": "the name is not known",
    "unknown_channel": "the name is not known",
    "unknown_queue": "the name is not known",
    "unknown_skill": "the name is not known",
    "unknown_status": "the name is not known",
    "unknown_strategy": "the name is not known",
    "size_too_large": "a size larger than any member's capacity",
}

# Fields of which the code "invalid" says more than a type can.
KNOWN_FIELDS = {
    "after": "an event that has happened",
    "attributes": "names are limited in bytes and may not be empty",
    "backup_queue": "it goes with a required agent, and is not the queue itself",
    "clear_skills": "not together with skills",
    "clear_target_accept_at": "not together with target_accept_at",
    "files": "what is said to be gzip is",
    "expires_at": "it lies in the future",
    "guards": "each compares a measure",
    "keep": "30 days at most",
    "page_token": "it is that of another page",
    "preferred_agent": "not together with a required agent",
    "preferred_for": "it goes with an agent",
    "priority": "at most what the engine takes",
    "queue": "which queue, or which work; not both",
    "requested_at": "not in the future, and not before 1970",
    "size": "not together with size_percent, and 3 decimals at most",
    "size_percent": "not together with size, and 3 decimals at most",
    "skills": "each once, levels of 3 decimals at most, steps in order",
    "target_accept_at": "not before it was requested, and not before 1970",
    "revision": "one that the work has had",
    "work": "which one",
    "until": "it lies in the future",
    "percent": "it is a share of which there is something left",
    "strategy": "another one than decides already",
}


# Operations of which "invalid" says more than a type can, whichever the field.
KNOWN_OPERATIONS = {
    "POST /v1/routing/{queue}/assignments": "one assignment of work, revision and agent, or a list of them",
    "GET /v1/routing/{queue}/feed": "an id is that of an event of this very feed",
}


def is_stream(response):
    """Whether an answer is a stream of events."""
    return any("text/event-stream" in value for value in response.headers.get("content-type", []))


def spelled(value, schema, definitions):
    """The value with its numbers of 64 bits as text, in which they are documented; the host takes both. Null is left out."""
    schema = definitions.get(schema.get("$ref", "").removeprefix("#/definitions/"), schema)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return {name: spelled(inner, properties.get(name, {}), definitions) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [spelled(inner, schema.get("items", {}), definitions) for inner in value]
    if schema.get("format") in ("uint64", "int64") and schema.get("type") == "string" and type(value) is int:
        return str(value)
    return value


def fits(case):
    """Whether the body of a request fits the document after all."""
    document = case.operation.schema.raw_schema
    operation = document["paths"][case.operation.path][case.operation.method]
    schema = next((p["schema"] for p in operation.get("parameters", []) if p["in"] == "body"), None)
    if schema is None or not isinstance(case.body, (dict, list)):
        return False
    definitions = document["definitions"]
    validator = jsonschema_rs.Draft4Validator({**schema, "definitions": definitions})
    return validator.is_valid(spelled(case.body, schema, definitions))


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Keeps a failure, unless it is a refusal that is listed above."""
    kind = type(failure).__name__
    if kind == "JsonSchemaError" and is_stream(response):
        return False  # the schema is that of one event; see events_fit
    if kind == "AcceptedNegativeData":
        return not fits(case)
    if kind != "RejectedPositiveData":
        return True
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return True
    field = (error.get("field") or "").split("[")[0].split(".")[0]
    if error["code"] != "invalid":
        return error["code"] not in KNOWN_CODES
    return field not in KNOWN_FIELDS and case.operation.label not in KNOWN_OPERATIONS


@schemathesis.check
def events_fit(ctx, response, case):
    """The data of every event of a stream is as the document says."""
    if not is_stream(response):
        return
    document = case.operation.schema.raw_schema
    operation = document["paths"][case.operation.path][case.operation.method]
    for block in response.content.decode().split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" not in lines:
            continue
        schema = operation["responses"]["200"]["schema"]
        if lines.get("event") == "end":
            schema = {"$ref": "#/definitions/ErrorResponse"}
        validator = jsonschema_rs.Draft4Validator({**schema, "definitions": document["definitions"]})
        for error in validator.iter_errors(json.loads(lines["data"])):
            raise AssertionError(f"an event {lines.get('event')!r} is not as the document says: {error.message}")
