"""What every example does, whatever its language. A new one has only to be named in toolchains.py."""

import json
import re
import socket
import subprocess
import time
import uuid
from pathlib import Path

import grpc
import pytest
from splade.v1 import index_service_pb2 as index
from splade.v1 import types_pb2 as types

from busy import RETRY_DELAY_S, Busy
from documents import CORPUS, corpus, ingest, options
from lines import BAD_LINES, GOOD_LINES, MAX_MESSAGE_BYTES, ids
from recorder import Recorder
from slow import Slow

LINES = 3_000
# How many documents a client keeps, as clients/README.md says.
WINDOW = 4_096
# What must not happen is given this long to happen.
GRACE_S = 0.5
TOKEN = "a-token-of-these-tests"
# What the line is, and what is told of it. The first two are no documents; the server refuses the others.
BAD = {
    40: ('{"id": 40, "text":', ""),
    41: ('{"id": 41, "title": "nothing to encode"}', "text"),
    42: ('{"id": 42, "text": "  "}', "EMPTY_TEXT text:"),
    43: ('{"id": 43, "text": "some text", "_splade_key": 1}', "INVALID_ARGUMENT payload"),
    2_990: ('{"id": 2990, "text": ""}', "EMPTY_TEXT text:"),
}


@pytest.fixture(scope="module")
def lines(tmp_path_factory) -> Path:
    """The sample corpus and then made-up lines, each with its line's number as its id."""
    sample = CORPUS.read_text(encoding="utf-8").splitlines()
    made = [json.dumps({"id": n, "text": f"a note about item {n}", "n": n}) for n in range(len(sample) + 1, LINES + 1)]
    text = sample + made
    for number, (line, _) in BAD.items():
        text[number - 1] = line
    path = tmp_path_factory.mktemp("documents") / "documents.jsonl"
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def small(sidecar) -> str:
    """A collection to search."""
    ingest(sidecar, options("small"), corpus(120))
    return "small"


def count(sidecar, collection: str) -> int:
    try:
        return sidecar.index.GetCollection(index.GetCollectionRequest(collection=collection)).point_count
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.NOT_FOUND:
            return 0
        raise


def stored(sidecar, collection: str) -> list[index.StoredDocument]:
    request = index.ListDocumentsRequest(
        collection=collection, page_size=1_000, payload_format=types.PAYLOAD_FORMAT_JSON
    )
    documents = []
    while True:
        page = sidecar.index.ListDocuments(request)
        documents += page.documents
        if not page.next_page_token:
            return documents
        request.page_token = page.next_page_token


def stored_ids(sidecar, collection: str) -> list[int]:
    return [document.id.num for document in stored(sidecar, collection)]


def rejections(log: str) -> dict[int, str]:
    """What was printed of each rejected line, by its number."""
    rejects = re.findall(r"line (\d+) rejected: (.*)", log)
    assert len({number for number, _ in rejects}) == len(rejects), "a line is rejected twice"
    return {int(number): why for number, why in rejects}


def test_an_ingest_outlives_the_server(client, start, tmp_path, lines):
    server = start(tmp_path / "store")
    log = tmp_path / "log"
    with open(log, "w") as stderr:
        running = client.start("--server", server.address, "ingest", "notes", str(lines), stderr=stderr)
    while (so_far := count(server, "notes")) < 300:
        assert running.poll() is None, log.read_text()
        time.sleep(0.01)
    server.kill()
    assert so_far < LINES - 500, "the server was too fast to be killed in the middle"
    server = start(tmp_path / "store", address=server.address)
    out, _ = running.communicate(timeout=180)
    said = log.read_text()
    assert running.returncode == 0, said
    assert out.splitlines()[-1] == f"indexed {LINES - len(BAD)}, rejected {len(BAD)}"
    assert "the stream broke" in said
    assert "on their way" in said, "there is no progress line"
    rejects = rejections(said)
    assert sorted(rejects) == sorted(BAD)
    for number, why in rejects.items():
        assert BAD[number][1] in why
    assert stored_ids(server, "notes") == [n for n in range(1, LINES + 1) if n not in BAD]
    server.kill()


def test_a_search_finds_what_it_should(client, sidecar, small):
    query = "ancient city buried by a volcano"
    best = sidecar.index.Search(index.SearchRequest(collection=small, text=query, limit=5)).hits
    done = client.run("--server", sidecar.address, "search", small, query)
    assert done.returncode == 0, done.stderr
    hits = [line.split("\t") for line in done.stdout.splitlines()]
    assert [int(id) for _, id, _ in hits] == [hit.id.num for hit in best]
    assert hits[0][2] == best[0].payload["text"]
    assert [float(score) for score, _, _ in hits] == pytest.approx([hit.score for hit in best], abs=1e-3)


def test_encode_shows_terms(client, sidecar):
    done = client.run("--server", sidecar.address, "encode", "volcano", "a wing in a slipstream")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert re.search(r"\bvolcano \d+\.\d\d\b", first)
    assert len(second.split(", ")) == 8


def test_a_refusal_names_the_field(client, sidecar):
    done = client.run("--server", sidecar.address, "search", "a/b", "query")
    assert done.returncode == 1
    assert code_of(done) == "invalidargument"
    assert "  field collection: " in done.stderr
    assert "  reason INVALID_ARGUMENT " in done.stderr


def test_a_collection_that_is_not_there(client, sidecar):
    done = client.run("--server", sidecar.address, "search", "absent", "query")
    assert done.returncode == 1
    assert code_of(done) == "notfound"
    assert "  reason COLLECTION_NOT_FOUND " in done.stderr


def test_an_ingest_that_is_refused_ends(client, sidecar, lines):
    done = client.run("--server", sidecar.address, "ingest", ".hidden", str(lines))
    assert done.returncode == 1
    assert "  field options.collection: " in done.stderr


def test_a_deadline_ends_a_call(client):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        done = client.run("--server", address, "--timeout", "0.5", "search", "absent", "query")
    assert done.returncode == 1
    assert code_of(done) == "deadlineexceeded"


@pytest.fixture
def busy():
    server = Busy()
    yield server
    server.server.stop(None)


def test_a_search_is_tried_again_and_then_says_when_to_come_back(client, busy):
    done = client.run("--server", busy.address, "search", "notes", "query")
    assert (done.returncode, code_of(done)) == (1, "resourceexhausted")
    assert re.search(r"^  try again after (1s|1000 ms)$", done.stderr, re.MULTILINE)
    assert busy.searches == 4


def test_an_ingest_waits_as_long_as_it_is_told(client, busy, lines):
    done = client.run("--server", busy.address, "ingest", "notes", str(lines))
    assert done.returncode == 0, done.stderr
    first, second = busy.streams
    assert second - first >= RETRY_DELAY_S
    unreadable = 2
    assert done.stdout.splitlines()[-1] == f"indexed {LINES - unreadable}, rejected {unreadable}"


def test_a_slow_store_stops_the_client(client, tmp_path):
    """It reads no further in the file than its window, and goes on when there are results."""
    many = tmp_path / "many.jsonl"
    many.write_text("".join(f'{{"id": {n}, "text": "note {n}"}}\n' for n in range(3 * WINDOW)))
    slow = Slow()
    try:
        running = client.start("--server", slow.address, "ingest", "notes", str(many), stderr=subprocess.DEVNULL)
        assert slow.was_sent_more_than(WINDOW - 1, 60)
        assert not slow.was_sent_more_than(WINDOW, GRACE_S), "it does not wait for results"
        slow.go.set()
        out, _ = running.communicate(timeout=60)
    finally:
        slow.go.set()
        running.kill()
        slow.server.stop(None)
    assert out.splitlines()[-1] == f"indexed {3 * WINDOW}, rejected 0"


def test_each_id_becomes_what_the_table_says(client, sidecar, tmp_path, request):
    table, collection = ids(), f"ids-{client_name(request)}"
    path = tmp_path / "ids.jsonl"
    path.write_text(
        "".join(f'{{"id": {id}, "text": "id {n}"}}\n' for n, (id, _) in enumerate(table, 1)), encoding="utf-8"
    )
    done = client.run("--server", sidecar.address, "ingest", collection, str(path))
    assert done.returncode == 0, done.stderr
    refused = [n for n, (_, becomes) in enumerate(table, 1) if becomes == "refused"]
    rejects = rejections(done.stderr)
    assert sorted(rejects) == refused
    for number, why in rejects.items():
        assert re.match(r"[A-Z_]+ id(\.\w+)?: ", why), f"line {number}: {why}"
    assert done.stdout.splitlines()[-1] == f"indexed {len(table) - len(refused)}, rejected {len(refused)}"
    found = stored(sidecar, collection)
    made = {
        document.id.uuid
        for document in found
        if table[int(json.loads(document.payload_json)["text"].removeprefix("id ")) - 1][1] == "made"
    }
    assert len(made) == 1 and "" not in made
    becomes = {tuple(*becomes.items()) for _, becomes in table if isinstance(becomes, dict)}
    kinds = [(document.id.WhichOneof("kind"), document.id) for document in found]
    assert {(kind, str(getattr(id, kind))) for kind, id in kinds} - {("uuid", *made)} == becomes


def test_each_id_is_sent_as_the_table_says(client, recorder, tmp_path):
    """A document that replaces another hides it in a store; here each is seen."""
    table = [(id, becomes) for id, becomes in ids() if becomes != "refused"]
    path = tmp_path / "ids.jsonl"
    path.write_text("".join(f'{{"id": {id}, "text": "{n}"}}\n' for n, (id, _) in enumerate(table)), encoding="utf-8")
    done = client.run("--server", recorder.address, "ingest", "ids", str(path))
    assert done.returncode == 0, done.stderr
    assert [document.text for document in recorder.documents] == [str(n) for n in range(len(table))]
    for (id, becomes), document in zip(table, recorder.documents, strict=True):
        kind = document.id.WhichOneof("kind")
        sent = {kind: str(getattr(document.id, kind))} if kind else "made"
        if kind == "uuid":
            # The server takes any spelling.
            sent = {kind: str(uuid.UUID(document.id.uuid))}
        assert sent == becomes, id


def test_a_bad_line_is_rejected_alone(client, sidecar, tmp_path, request):
    """Every bad line has a good one behind it, and the good ones are stored as they are written."""
    collection, file = f"bad-lines-{client_name(request)}", tmp_path / "lines.jsonl"
    lines = [b"\xef\xbb\xbf" + BAD_LINES[0][0], b""]
    for n, (bad, _) in enumerate(BAD_LINES[1:], 3):
        lines += [bad, b'{"id": %d, "text": "a good line"}' % n]
    file.write_bytes(b"\n".join(lines))
    done = client.run("--server", sidecar.address, "ingest", collection, str(file))
    assert done.returncode == 0, done.stderr[-2000:]
    numbers = [1, *range(3, 2 * len(BAD_LINES), 2)]
    rejects = rejections(done.stderr)
    passed = [BAD_LINES[number // 2][0][:100] for number in numbers if number not in rejects]
    assert not passed, "not rejected"
    assert sorted(rejects) == numbers, [(number, rejects[number]) for number in sorted(set(rejects) - set(numbers))]
    for number, why in rejects.items():
        expected = BAD_LINES[number // 2][1]
        pattern = rf"[A-Z_]+ ({expected}): " if not re.search(r"JSON|UTF-8|surrogate|bytes", expected) else expected
        assert re.search(pattern, why), f"line {number}: {why[:500]}"
    good = len(BAD_LINES) - 1
    assert done.stdout.splitlines()[-1] == f"indexed {good}, rejected {len(BAD_LINES)}"
    assert stored_ids(sidecar, collection) == list(range(3, good + 3))


def test_a_good_line_is_stored_as_it_is_written(client, sidecar, tmp_path, request):
    collection, file = f"good-lines-{client_name(request)}", tmp_path / "lines.jsonl"
    # A byte order mark, blank lines, and no line feed at the end.
    file.write_bytes(b"\xef\xbb\xbf" + b"\n\r\n \n".join(line for line, _ in GOOD_LINES))
    done = client.run("--server", sidecar.address, "ingest", collection, str(file))
    assert (done.returncode, done.stdout) == (0, f"indexed {len(GOOD_LINES)}, rejected 0\n"), done.stderr
    payloads = {}
    for document in stored(sidecar, collection):
        payload = json.loads(document.payload_json)
        payloads[payload.pop("text")] = payload
    texts = [json.loads(line)["text"] for line, _ in GOOD_LINES]
    expected = dict(zip(texts, (payload for _, payload in GOOD_LINES), strict=True))
    assert payloads == expected


def test_no_request_is_larger_than_the_server_takes(client, recorder, tmp_path):
    large = tmp_path / "large.jsonl"
    size, count = 900_000, 80
    assert size * count > 2 * MAX_MESSAGE_BYTES
    with open(large, "w") as file:
        file.writelines(json.dumps({"id": n, "text": "large", "n": "x" * size}) + "\n" for n in range(count))
    done = client.run("--server", recorder.address, "ingest", "large", str(large))
    assert done.returncode == 0, done.stderr
    assert [document.id.num for document in recorder.documents] == list(range(count))
    assert done.stdout.splitlines()[-1] == f"indexed {count}, rejected 0"


@pytest.fixture
def recorder():
    server = Recorder()
    yield server
    server.server.stop(None)


def client_name(request) -> str:
    return request.node.callspec.params["client"]


def test_tls_with_a_token(client, start, tmp_path, certificates, lines):
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN + "\n")
    authority = str(certificates / "ca.pem")
    trust = grpc.ssl_channel_credentials((certificates / "ca.pem").read_bytes())
    keys = ["--tls-cert", str(certificates / "cert.pem"), "--tls-key", str(certificates / "key.pem")]
    server = start(tmp_path / "store", *keys, "--auth-tokens", str(tokens), credentials=trust)
    to = ["--server", server.address.replace("127.0.0.1", "localhost"), "--ca", authority]
    done = client.run(*to, "encode", "volcano", token=TOKEN)
    assert done.returncode == 0, done.stderr
    few = tmp_path / "few.jsonl"
    few.write_text("".join(lines.read_text().splitlines(keepends=True)[:20]))
    done = client.run(*to, "ingest", "few", str(few), token=TOKEN)
    assert done.stdout.splitlines()[-1:] == ["indexed 20, rejected 0"], done.stderr
    done = client.run(*to, "encode", "volcano")
    assert (done.returncode, code_of(done)) == (1, "unauthenticated")
    done = client.run(*to[:2], "--timeout", "5", "encode", "volcano", token=TOKEN)
    assert done.returncode == 1, "it spoke plain text to a server of TLS"
    server.kill()


def test_a_unix_socket(client, start, tmp_path_factory):
    # A short path: a socket's may have 107 bytes.
    folder = tmp_path_factory.mktemp("s")
    path = folder / "socket"
    server = start(folder / "store", "--unix-socket", str(path))
    done = client.run("--server", f"unix://{path}", "encode", "volcano")
    assert done.returncode == 0, done.stderr
    assert "volcano" in done.stdout
    server.kill()


def code_of(done: subprocess.CompletedProcess) -> str:
    """The status code that was printed, in no language's spelling."""
    found = re.search(r"^error: (\w+): ", done.stderr, re.MULTILINE)
    assert found, done.stderr
    return found[1].replace("_", "").lower()
