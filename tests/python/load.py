"""Work of every kind for a server, from threads beside the test, until the block ends."""

import itertools
import threading
import urllib.request
from collections.abc import Iterator

from documents import corpus, document, ingest, options
from splade_sidecar.v1 import encoder_service_pb2 as encoder
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.v1 import query_pb2 as queries

COLLECTION = "load"


class Load:
    """`with Load(sidecar): …` ingests, upserts, encodes and searches all the time; some documents are bad.

    A worker's failure is raised when the block ends.
    """

    def __init__(self, sidecar) -> None:
        self.sidecar = sidecar
        self.corpus = corpus(240)
        self.ending = threading.Event()
        self.failures: list[BaseException] = []
        self.threads = [
            threading.Thread(target=self._repeat, args=(work,)) for work in (self._ingest, self._stream, self._calls)
        ]

    def __enter__(self) -> "Load":
        # What the calls search in.
        ingest(self.sidecar, options(COLLECTION), corpus(20))
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

    def _repeat(self, work) -> None:
        try:
            for turn in itertools.count():
                if self.ending.is_set():
                    return
                work(turn)
        except BaseException as failure:
            self.failures.append(failure)

    def _ingest(self, turn: int) -> None:
        """A long stream; every other one has what is there already."""
        again = {"skip_unchanged": True} if turn % 2 else {}
        ingest(self.sidecar, options(COLLECTION, **again), self._documents())

    def _documents(self) -> Iterator:
        """Each text ten times, under ids of its own, and a bad document; fewer when the load ends."""
        for lap in range(10):
            for number, made in enumerate(self.corpus):
                if self.ending.is_set():
                    return
                made.id.num = lap * 1_000 + number
                yield made
            yield document("")

    def _calls(self, turn: int) -> None:
        query = queries.Query(text="ancient city buried by a volcano")
        self.sidecar.index.Search(index.SearchRequest(collection=COLLECTION, query=query))
        self.sidecar.encoder.Encode(encoder.EncodeRequest(texts=[f"text number {turn}"]))
        documents = [document(f"upserted {turn}", 2_000_000 + turn)]
        self.sidecar.index.Upsert(index.UpsertRequest(options=options(COLLECTION), documents=documents))
        self.ending.wait(0.05)

    def _stream(self, turn: int) -> None:
        list(self.sidecar.encoder.EncodeStream(iter([encoder.EncodeStreamRequest(texts=["one", f"number {turn}"])])))
        self.ending.wait(0.05)


def read_metrics(address: str, accept: str = "text/plain") -> str:
    """What `/metrics` says."""
    request = urllib.request.Request(f"http://{address}/metrics", headers={"accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def total(metrics: str, name: str) -> float:
    """The sum of a metric's samples, whatever their labels."""
    lines = [line.rpartition(" ") for line in metrics.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
    assert lines, f"/metrics has no {name}"
    return sum(float(value) for _, _, value in lines)
