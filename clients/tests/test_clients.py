"""Tests that run with the example client of each language. Add a new language to toolchains.py."""

import json
import os
import re
import socket
import subprocess
import threading
import time
import uuid
from pathlib import Path

import grpc
import pytest

from busy import RETRY_DELAY_S, Busy
from documents import CORPUS, corpus, ingest, options
from fake import INCARNATION, FakeServer
from lines import BAD_LINES, GOOD_LINES, MAX_MESSAGE_BYTES, ids
from scripted import FAILURE, REJECTION, Script, Scripted
from slow import Slow
from splade_sidecar.v1 import document_pb2 as docs
from splade_sidecar.v1 import index_service_pb2 as index

LINES = 3_000
# Maximum number of documents that a client keeps, as in clients/README.md.
WINDOW = 4_096
# Number of consecutive streams without progress after which a client gives up.
ATTEMPTS = 10
# Number of documents of a test in which the client waits for its source, and the delay between them.
SLOW_LINES, SLOW_DELAY_S = 500, 0.01
# Seconds for which a draining server continues to read if the client does not half-close its streams.
DRAIN_GRACE_S = 5
# Seconds to wait for something that must not happen.
GRACE_S = 0.5
TOKEN = "a-token-of-these-tests"
# Invalid lines by number, with part of the rejection. The client rejects the first two, and the server the others.
BAD = {
    40: ('{"id": 40, "text":', ""),
    41: ('{"id": 41, "title": "nothing to encode"}', "text"),
    42: ('{"id": 42, "text": "  "}', "EMPTY_TEXT text:"),
    43: ('{"id": 43, "text": "some text", "_splade_key": 1}', "INVALID_ARGUMENT payload"),
    2_990: ('{"id": 2990, "text": ""}', "EMPTY_TEXT text:"),
}


@pytest.fixture(scope="module")
def lines(tmp_path_factory) -> Path:
    """The sample corpus followed by generated lines. The id of each document is the number of its line."""
    sample = CORPUS.read_text(encoding="utf-8").splitlines()
    generated = [
        json.dumps({"id": n, "text": f"a note about item {n}", "n": n}) for n in range(len(sample) + 1, LINES + 1)
    ]
    text = sample + generated
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
        return sidecar.index.GetCollection(index.GetCollectionRequest(collection=collection)).collection.point_count
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.NOT_FOUND:
            return 0
        raise


def stored(sidecar, collection: str) -> list[docs.StoredDocument]:
    as_json = docs.ReturnOptions(payload_format=docs.PAYLOAD_FORMAT_JSON)
    request = index.ListDocumentsRequest(collection=collection, page_size=1_000, return_options=as_json)
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
    """Returns the printed rejections by line number."""
    rejects = re.findall(r"line (\d+) rejected: (.*)", log)
    assert len({number for number, _ in rejects}) == len(rejects), "a line is rejected twice"
    return {int(number): reason for number, reason in rejects}


def test_an_ingest_survives_a_killed_server(client, start, tmp_path, lines):
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
    printed = log.read_text()
    assert running.returncode == 0, printed
    assert out.splitlines()[-1] == f"indexed {LINES - len(BAD)}, rejected {len(BAD)}"
    assert "the stream broke" in printed
    assert " in flight, " in printed, "there is no progress line"
    rejects = rejections(printed)
    assert sorted(rejects) == sorted(BAD)
    for number, reason in rejects.items():
        assert BAD[number][1] in reason
    assert stored_ids(server, "notes") == [n for n in range(1, LINES + 1) if n not in BAD]
    server.kill()


@pytest.fixture
def slow_lines(tmp_path) -> Path:
    """A named pipe with one document every 10 ms, so that few operations are in flight."""
    path = tmp_path / "slow.jsonl"
    os.mkfifo(path)

    def write() -> None:
        try:
            with open(path, "w", buffering=1) as pipe:
                for n in range(1, SLOW_LINES + 1):
                    pipe.write(json.dumps({"id": n, "text": f"note {n}"}) + "\n")
                    time.sleep(SLOW_DELAY_S)
        except BrokenPipeError:
            pass  # the client has ended

    threading.Thread(target=write, daemon=True).start()
    return path


def test_a_client_does_not_delay_the_shutdown_of_the_server(client, start, tmp_path, slow_lines):
    """The client half-closes the stream when the server drains, and continues on the next server."""
    server = start(tmp_path / "store")
    log = tmp_path / "log"
    with open(log, "w") as stderr:
        running = client.start("--server", server.address, "ingest", "notes", str(slow_lines), stderr=stderr)
    while count(server, "notes") < SLOW_LINES // 5:
        assert running.poll() is None, log.read_text()
        time.sleep(0.01)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < DRAIN_GRACE_S, "the client does not half-close the stream"
    server = start(tmp_path / "store", address=server.address)
    out, _ = running.communicate(timeout=120)
    assert running.returncode == 0, log.read_text()
    assert out.splitlines()[-1] == f"indexed {SLOW_LINES}, rejected 0"
    assert "Exception in thread" not in log.read_text()
    assert stored_ids(server, "notes") == list(range(1, SLOW_LINES + 1))
    server.kill()


def test_an_ingest_does_not_resume_in_another_collection_of_the_same_name(client, start, tmp_path, slow_lines):
    other = start(tmp_path / "other")
    other.index.CreateCollection(index.CreateCollectionRequest(name="notes"))
    assert other.stop() == 0
    server = start(tmp_path / "store")
    log = tmp_path / "log"
    with open(log, "w") as stderr:
        running = client.start("--server", server.address, "ingest", "notes", str(slow_lines), stderr=stderr)
    while count(server, "notes") < SLOW_LINES // 5:
        assert running.poll() is None, log.read_text()
        time.sleep(0.01)
    server.kill()
    other = start(tmp_path / "other", address=server.address)
    running.communicate(timeout=120)
    assert running.returncode == 1
    assert "  reason INCARNATION_MISMATCH " in log.read_text()
    assert "Exception in thread" not in log.read_text()
    assert count(other, "notes") == 0
    other.kill()


def test_a_search_prints_the_hits_of_the_server(client, sidecar, small):
    query = "ancient city buried by a volcano"
    best = sidecar.index.Search(index.SearchRequest(collection=small, query={"text": query}, limit=5)).hits
    done = client.run("--server", sidecar.address, "search", small, query)
    assert done.returncode == 0, done.stderr
    hits = [line.split("\t") for line in done.stdout.splitlines()]
    assert [int(id) for _, id, _ in hits] == [hit.document.id.num for hit in best]
    assert hits[0][2] == best[0].document.payload["text"]
    assert [float(score) for score, _, _ in hits] == pytest.approx([hit.score for hit in best], abs=1e-3)


def test_encode_shows_terms(client, sidecar):
    done = client.run("--server", sidecar.address, "encode", "volcano", "a wing in a slipstream")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert re.search(r"\bvolcano \d+\.\d\d\b", first)
    assert len(second.split(", ")) == 8


def test_errors_name_the_invalid_field(client, sidecar):
    done = client.run("--server", sidecar.address, "search", "a/b", "query")
    assert done.returncode == 1
    assert code_of(done) == "invalidargument"
    assert "  field collection: " in done.stderr
    assert "  reason INVALID_ARGUMENT " in done.stderr


def test_search_in_a_missing_collection(client, sidecar):
    done = client.run("--server", sidecar.address, "search", "absent", "query")
    assert done.returncode == 1
    assert code_of(done) == "notfound"
    assert "  reason COLLECTION_NOT_FOUND " in done.stderr


def test_an_invalid_ingest_is_not_retried(client, sidecar, lines):
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
    server.stop()


def test_a_search_is_retried_and_then_reports_the_delay(client, busy):
    done = client.run("--server", busy.address, "search", "notes", "query")
    assert (done.returncode, code_of(done)) == (1, "resourceexhausted")
    assert re.search(r"^  retry after (1s|1000 ms)$", done.stderr, re.MULTILINE)
    assert busy.searches == 4


def test_an_ingest_waits_for_the_retry_delay(client, busy, lines):
    done = client.run("--server", busy.address, "ingest", "notes", str(lines))
    assert done.returncode == 0, done.stderr
    (stream,) = busy.streams
    assert stream.began - busy.rejected[0] >= RETRY_DELAY_S
    unreadable = 2
    assert done.stdout.splitlines()[-1] == f"indexed {LINES - unreadable}, rejected {unreadable}"


def test_a_slow_store_stops_the_client(client, tmp_path):
    """The client stops reading the file when its window is full, and continues when results arrive."""
    many = tmp_path / "many.jsonl"
    many.write_text("".join(f'{{"id": {n}, "text": "note {n}"}}\n' for n in range(3 * WINDOW)))
    slow = Slow()
    try:
        running = client.start("--server", slow.address, "ingest", "notes", str(many), stderr=subprocess.DEVNULL)
        assert slow.received_more_than(WINDOW - 1, 60)
        assert not slow.received_more_than(WINDOW, GRACE_S), "it does not wait for results"
        slow.go.set()
        out, _ = running.communicate(timeout=60)
    finally:
        slow.go.set()
        running.kill()
        slow.stop()
    assert out.splitlines()[-1] == f"indexed {3 * WINDOW}, rejected 0"


@pytest.fixture
def scripted():
    """Starts fake servers: `scripted(Script(…), …)`."""
    servers = []

    def start(*scripts: Script) -> Scripted:
        servers.append(Scripted(*scripts))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


# Number of the line that the client rejects, and numbers of the lines that the fake server rejects.
UNREADABLE_LINE, BLANK_LINES = 160, {150, 500, 1_000}


@pytest.fixture(scope="module")
def notes(tmp_path_factory) -> tuple[Path, dict[int, int], dict[int, str]]:
    """A file with three windows of lines, and the line number and the text by sequence number."""
    path = tmp_path_factory.mktemp("documents") / "notes.jsonl"
    text = {n: " " if n in BLANK_LINES else f"note {n}" for n in range(1, 3 * WINDOW + 1)}
    with open(path, "w", encoding="utf-8") as file:
        for n, note in text.items():
            file.write('{"text":\n' if n == UNREADABLE_LINE else json.dumps({"id": n, "text": note}) + "\n")
    documents = [n for n in text if n != UNREADABLE_LINE]
    return path, dict(enumerate(documents, 1)), {k: text[n] for k, n in enumerate(documents, 1)}


def check_notes(server: Scripted, done: subprocess.CompletedProcess, texts: dict[int, str]) -> None:
    """Checks that no document is lost, sequence numbers match the source, and each rejection is reported once."""
    assert done.returncode == 0, done.stderr
    durable = 0
    for stream in server.streams:
        assert stream.first_sequence == durable + 1
        durable = stream.durable_through
        for sequence, document in stream.operations.items():
            assert document.text == texts[sequence], f"operation {sequence} is another document than before"
    assert durable == len(texts)
    rejects = rejections(done.stderr)
    assert sorted(rejects) == sorted({UNREADABLE_LINE, *BLANK_LINES})
    assert all(rejects[number] == f"EMPTY_TEXT text: {REJECTION}" for number in BLANK_LINES)
    assert rejects[UNREADABLE_LINE].startswith("MALFORMED_DOCUMENT: ")
    assert done.stdout.splitlines()[-1] == f"indexed {len(texts) - len(BLANK_LINES)}, rejected {len(rejects)}"
    first, *later = [stream.options for stream in server.streams]
    assert (first.create_collection, first.expected_incarnation) == (True, "")
    assert all((more.create_collection, more.expected_incarnation) == (False, INCARNATION) for more in later)


def test_a_failed_operation_is_sent_again(client, scripted, notes):
    """The client stops sending, half-closes the stream, waits for the longest delay and resumes before the failure."""
    path, lines, texts = notes
    delay_s = 1.2
    server = scripted(Script(failing={100: 0.1, 110: delay_s, 120: 0.2}), Script(failing={101: 0}, lag=10), Script())
    done = client.run("--server", server.address, "ingest", "notes", str(path))
    check_notes(server, done, texts)
    first, second, third = server.streams
    assert [stream.first_sequence for stream in server.streams] == [1, 100, 101]
    assert first.half_closed and second.half_closed
    assert second.began - first.ended >= delay_s
    warning = f"the stream broke: line {lines[101]} failed: STORE_UNAVAILABLE: {FAILURE}; retrying in "
    assert warning in done.stderr


def test_an_ingest_fails_if_an_operation_fails_repeatedly(client, scripted, notes):
    path, lines, _ = notes
    server = scripted(Script(failing={200: 0}))
    done = client.run("--server", server.address, "ingest", "notes", str(path))
    assert (done.returncode, code_of(done)) == (1, "unavailable"), done.stderr
    assert f": line {lines[200]}: {FAILURE}\n  reason STORE_UNAVAILABLE" in done.stderr
    # The first stream counts as an attempt although it makes progress.
    assert [stream.first_sequence for stream in server.streams] == [1] + [200] * (ATTEMPTS - 1)
    assert sorted(rejections(done.stderr)) == [150, 160]
    assert done.stdout.splitlines()[-1] == "indexed 198, rejected 2"


def test_a_client_leaves_a_draining_server_without_an_error(client, scripted, notes):
    """The server announces draining when the client has sent its whole window and waits for results."""
    path, _, texts = notes
    server = scripted(Script(drain_after=WINDOW, lag=3 * WINDOW), Script(drain_after=WINDOW + 1_000), Script())
    done = client.run("--server", server.address, "ingest", "notes", str(path))
    check_notes(server, done, texts)
    assert "the stream broke" not in done.stderr
    first, second, third = server.streams
    assert first.half_closed and len(first.operations) == WINDOW
    assert second.half_closed and len(second.operations) + len(third.operations) == len(texts) - WINDOW


def test_a_rejection_is_reported_once_although_streams_break(client, scripted, notes):
    """Streams break after the results of the rejected lines, before or after these are durable."""
    path, _, texts = notes
    server = scripted(
        Script(end_after=640, lag=200),
        Script(end_after=0),
        Script(end_after=1_280, lag=300, status=grpc.StatusCode.OK),
        Script(end_after=1_600, lag=100),
        Script(),
    )
    done = client.run("--server", server.address, "ingest", "notes", str(path))
    check_notes(server, done, texts)
    assert done.stderr.count("the stream broke: ") == len(server.streams) - 1 == 4


def test_statuses_of_later_releases(client, scripted, notes):
    """A status counts as FAILED with a retry_delay, as REJECTED with another error, and as INDEXED without error."""
    path, lines, texts = notes
    server = scripted(Script(failing={100: 0.1}, unknown_statuses=True), Script(unknown_statuses=True))
    done = client.run("--server", server.address, "ingest", "notes", str(path))
    check_notes(server, done, texts)
    assert [stream.first_sequence for stream in server.streams] == [1, 100]
    assert f"the stream broke: line {lines[100]} failed: STORE_UNAVAILABLE: {FAILURE}; " in done.stderr


def test_a_collection_that_was_created_again_is_an_error(client, scripted, notes):
    path, _, _ = notes
    mismatch = Script(end_after=0, status=grpc.StatusCode.FAILED_PRECONDITION, reason="INCARNATION_MISMATCH")
    server = scripted(Script(end_after=100), mismatch)
    done = client.run("--server", server.address, "ingest", "notes", str(path))
    assert (done.returncode, code_of(done)) == (1, "failedprecondition")
    assert "  reason INCARNATION_MISMATCH " in done.stderr
    assert len(server.streams) == 2


def test_ids_are_stored_as_in_the_table(client, sidecar, tmp_path, request):
    table, collection = ids(), f"ids-{client_name(request)}"
    path = tmp_path / "ids.jsonl"
    path.write_text(
        "".join(f'{{"id": {id}, "text": "id {n}"}}\n' for n, (id, _) in enumerate(table, 1)), encoding="utf-8"
    )
    done = client.run("--server", sidecar.address, "ingest", collection, str(path))
    assert done.returncode == 0, done.stderr
    invalid = [n for n, (_, becomes) in enumerate(table, 1) if becomes == "refused"]
    rejects = rejections(done.stderr)
    assert sorted(rejects) == invalid
    for number, reason in rejects.items():
        assert re.match(r"[A-Z_]+ id(\.\w+)?: ", reason), f"line {number}: {reason}"
    assert done.stdout.splitlines()[-1] == f"indexed {len(table) - len(invalid)}, rejected {len(invalid)}"
    found = stored(sidecar, collection)
    generated = {
        document.id.uuid
        for document in found
        if table[int(json.loads(document.payload_json)["text"].removeprefix("id ")) - 1][1] == "made"
    }
    assert len(generated) == 1 and "" not in generated
    becomes = {tuple(*becomes.items()) for _, becomes in table if isinstance(becomes, dict)}
    kinds = [(document.id.WhichOneof("kind"), document.id) for document in found]
    assert {(kind, str(getattr(id, kind))) for kind, id in kinds} - {("uuid", *generated)} == becomes


def test_ids_are_sent_as_in_the_table(client, recorder, tmp_path):
    """Checks the requests, because equal ids replace each other in a store."""
    table = [(id, becomes) for id, becomes in ids() if becomes != "refused"]
    path = tmp_path / "ids.jsonl"
    path.write_text("".join(f'{{"id": {id}, "text": "{n}"}}\n' for n, (id, _) in enumerate(table)), encoding="utf-8")
    done = client.run("--server", recorder.address, "ingest", "ids", str(path))
    assert done.returncode == 0, done.stderr
    documents = sent_to(recorder)
    assert [document.text for document in documents] == [str(n) for n in range(len(table))]
    for (id, becomes), document in zip(table, documents, strict=True):
        kind = document.id.WhichOneof("kind")
        sent = {kind: str(getattr(document.id, kind))} if kind else "made"
        if kind == "uuid":
            # The server accepts upper case, too.
            sent = {kind: str(uuid.UUID(document.id.uuid))}
        assert sent == becomes, id


def test_a_bad_line_is_rejected_alone(client, sidecar, tmp_path, request):
    """A valid line follows each invalid one, and all valid lines are stored."""
    collection, file = f"bad-lines-{client_name(request)}", tmp_path / "lines.jsonl"
    lines = [b"\xef\xbb\xbf" + BAD_LINES[0][0], b""]
    for n, (bad, _) in enumerate(BAD_LINES[1:], 3):
        lines += [bad, b'{"id": %d, "text": "a good line"}' % n]
    file.write_bytes(b"\n".join(lines))
    done = client.run("--server", sidecar.address, "ingest", collection, str(file))
    assert done.returncode == 0, done.stderr[-2000:]
    numbers = [1, *range(3, 2 * len(BAD_LINES), 2)]
    rejects = rejections(done.stderr)
    accepted = [BAD_LINES[number // 2][0][:100] for number in numbers if number not in rejects]
    assert not accepted, "invalid lines were accepted"
    assert sorted(rejects) == numbers, [(number, rejects[number]) for number in sorted(set(rejects) - set(numbers))]
    for number, reason in rejects.items():
        expected = BAD_LINES[number // 2][1]
        pattern = rf"[A-Z_]+ ({expected}): " if not re.search(r"JSON|UTF-8|surrogate|bytes", expected) else expected
        assert re.search(pattern, reason), f"line {number}: {reason[:500]}"
    good = len(BAD_LINES) - 1
    assert done.stdout.splitlines()[-1] == f"indexed {good}, rejected {len(BAD_LINES)}"
    assert stored_ids(sidecar, collection) == list(range(3, good + 3))


def test_a_valid_line_is_stored_exactly(client, sidecar, tmp_path, request):
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


def test_no_request_exceeds_the_maximum_message_size(client, recorder, tmp_path):
    large = tmp_path / "large.jsonl"
    size, count = 900_000, 80
    assert size * count > 2 * MAX_MESSAGE_BYTES
    with open(large, "w") as file:
        file.writelines(json.dumps({"id": n, "text": "large", "n": "x" * size}) + "\n" for n in range(count))
    done = client.run("--server", recorder.address, "ingest", "large", str(large))
    assert done.returncode == 0, done.stderr
    assert [document.id.num for document in sent_to(recorder)] == list(range(count))
    assert done.stdout.splitlines()[-1] == f"indexed {count}, rejected 0"


@pytest.fixture
def recorder():
    server = FakeServer()
    yield server
    server.stop()


def sent_to(server: FakeServer) -> list[docs.Document]:
    """Returns the documents of the only stream, in order."""
    (stream,) = server.streams
    return list(stream.operations.values())


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
    assert done.returncode == 1, "it sent plaintext to a TLS server"
    server.kill()


def test_a_unix_socket(client, start, tmp_path_factory):
    # The path of a socket has at most 107 bytes.
    directory = tmp_path_factory.mktemp("s")
    path = directory / "socket"
    server = start(directory / "store", "--unix-socket", str(path))
    done = client.run("--server", f"unix://{path}", "encode", "volcano")
    assert done.returncode == 0, done.stderr
    assert "volcano" in done.stdout
    server.kill()


def code_of(done: subprocess.CompletedProcess) -> str:
    """Returns the printed status code in lower case without underscores, since its spelling depends on the language."""
    found = re.search(r"^error: (\w+): ", done.stderr, re.MULTILINE)
    assert found, done.stderr
    return found[1].replace("_", "").lower()
