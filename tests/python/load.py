"""Background load on a server, with every kind of call."""

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
    """Context manager that ingests, upserts, encodes and searches in threads; some documents are invalid.

    Leaving the block stops the threads and raises the first failure of a thread.
    """

    def __init__(self, sidecar) -> None:
        self.sidecar = sidecar
        self.corpus = corpus(240)
        self.stopping = threading.Event()
        self.failures: list[BaseException] = []
        self.threads = [
            threading.Thread(target=self._repeat, args=(work,)) for work in (self._ingest, self._stream, self._call)
        ]

    def __enter__(self) -> "Load":
        # Creates the collection before the first search.
        ingest(self.sidecar, options(COLLECTION), corpus(20))
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

    def _repeat(self, work) -> None:
        try:
            for iteration in itertools.count():
                if self.stopping.is_set():
                    return
                work(iteration)
        except BaseException as failure:
            self.failures.append(failure)

    def _ingest(self, iteration: int) -> None:
        """Ingests a long stream; every other stream skips unchanged documents."""
        skip = {"skip_unchanged": True} if iteration % 2 else {}
        ingest(self.sidecar, options(COLLECTION, **skip), self._generate_documents())

    def _generate_documents(self) -> Iterator:
        """Yields each text ten times with different ids, and ten invalid documents, until the load stops."""
        for repetition in range(10):
            for number, entry in enumerate(self.corpus):
                if self.stopping.is_set():
                    return
                entry.id.num = repetition * 1_000 + number
                yield entry
            yield document("")

    def _call(self, iteration: int) -> None:
        """Makes one unary call of each kind."""
        query = queries.Query(text="ancient city buried by a volcano")
        self.sidecar.index.Search(index.SearchRequest(collection=COLLECTION, query=query))
        self.sidecar.encoder.Encode(encoder.EncodeRequest(texts=[f"text number {iteration}"]))
        documents = [document(f"upserted {iteration}", 2_000_000 + iteration)]
        self.sidecar.index.Upsert(index.UpsertRequest(options=options(COLLECTION), documents=documents))
        self.stopping.wait(0.05)

    def _stream(self, iteration: int) -> None:
        """Encodes two texts over a stream."""
        request = encoder.EncodeStreamRequest(texts=["one", f"number {iteration}"])
        list(self.sidecar.encoder.EncodeStream(iter([request])))
        self.stopping.wait(0.05)


def read_metrics(address: str, accept: str = "text/plain") -> str:
    """Returns the text of `/metrics`, in the format that `accept` requests."""
    request = urllib.request.Request(f"http://{address}/metrics", headers={"accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def total(metrics: str, name: str) -> float:
    """Returns the sum of all samples of a metric, over all label values."""
    lines = [line.rpartition(" ") for line in metrics.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
    assert lines, f"/metrics has no {name}"
    return sum(float(value) for _, _, value in lines)
