"""Lines of JSON, which schemathesis doesn't know."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(ctx, value):
    # A generated string is sent as it is: mostly no lines of JSON, and then each is a result that says so.
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else json.dumps(value).encode()
