"""Serializer of JSON lines, a media type that schemathesis does not support."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def serialize_lines(ctx, value):
    # Strings are sent unchanged. Most of them are not valid JSON lines, and each invalid line must be rejected alone.
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else json.dumps(value).encode()
