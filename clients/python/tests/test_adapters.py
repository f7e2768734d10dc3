"""Tests each adapter with the real library and in-memory Qdrant. Skipped if the library is not installed."""

import json
from pathlib import Path

import pytest

from skips import import_package

CORPUS = Path(__file__).resolve().parents[3] / "demo" / "corpus.jsonl"
QUERY = "ancient city buried by a volcano"


@pytest.fixture(scope="module")
def corpus():
    with open(CORPUS, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines][:40]


@pytest.fixture(scope="module")
def expected(client, corpus):
    """Text and score of the three best documents according to the server."""
    documents = [{"id": entry["id"], "text": entry["text"]} for entry in corpus]
    client.ingest(documents, "expected", create_collection=True).wait()
    texts = {entry["id"]: entry["text"] for entry in corpus}
    return [(texts[hit.id], hit.score) for hit in client.search("expected", QUERY, limit=3)]


def assert_same(found, expected):
    assert [text for text, _ in found] == [text for text, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], rel=1e-4)


def test_drop_in_replacement_of_fastembed(client, corpus, expected):
    qdrant = import_package("qdrant_client")
    from qdrant_client import models

    from splade_sidecar.qdrant import SparseTextEmbedding

    encoder = SparseTextEmbedding(client=client)
    texts = [entry["text"] for entry in corpus]
    store = qdrant.QdrantClient(":memory:")
    store.create_collection("notes", vectors_config={}, sparse_vectors_config={"s": models.SparseVectorParams()})
    points = [
        models.PointStruct(id=n, vector={"s": models.SparseVector(**one.as_object())}, payload={"text": text})
        for n, (text, one) in enumerate(zip(texts, encoder.embed(texts, batch_size=16, parallel=2), strict=True))
    ]
    store.upsert("notes", points)
    [query] = encoder.query_embed(QUERY)
    vector = models.SparseVector(**query.as_object())
    found = store.query_points("notes", query=vector, using="s", limit=3, with_payload=True).points
    assert_same([(point.payload["text"], point.score) for point in found], expected)


def test_embeddings_have_the_type_of_fastembed(client):
    fastembed = import_package("fastembed")
    from splade_sidecar import qdrant

    encoder = qdrant.SparseTextEmbedding(client=client)
    [one] = encoder.embed("a text alone")
    assert type(one) is fastembed.SparseEmbedding
    [same] = encoder.passage_embed(["a text alone"])
    assert one.as_dict() == same.as_dict() and encoder.token_count(["a text alone"]) > 2
    # The replacement without fastembed has the same attributes.
    alone = qdrant._SparseEmbedding(one.values, one.indices)
    public = {name for name in dir(fastembed.SparseEmbedding) if not name.startswith("_")}
    assert public <= set(dir(alone))
    assert alone.as_dict() == one.as_dict()
    assert alone.as_object().keys() == one.as_object().keys()
    assert qdrant._SparseEmbedding.from_dict(one.as_dict()).as_dict() == one.as_dict()
    for attribute in ("values", "indices"):
        assert getattr(alone, attribute).tolist() == getattr(one, attribute).tolist()


def test_langchain_retrieves_by_sparse_vectors(client, corpus, expected):
    langchain_qdrant = import_package("langchain_qdrant")
    from splade_sidecar.langchain import SpladeSparseEmbeddings

    store = langchain_qdrant.QdrantVectorStore.from_texts(
        [entry["text"] for entry in corpus],
        sparse_embedding=SpladeSparseEmbeddings(client=client),
        retrieval_mode=langchain_qdrant.RetrievalMode.SPARSE,
        location=":memory:",
        collection_name="notes",
    )
    found = store.similarity_search_with_score(QUERY, k=3)
    assert_same([(document.page_content, score) for document, score in found], expected)
    [best] = store.as_retriever(search_kwargs={"k": 1}).invoke(QUERY)
    assert best.page_content == expected[0][0]


def test_langchain_with_asyncio(sidecar, client):
    import_package("langchain_qdrant")
    import asyncio

    from splade_sidecar import AsyncClient
    from splade_sidecar.langchain import SpladeSparseEmbeddings

    async def main(embeddings):
        return await embeddings.aembed_documents(["a text"]), await embeddings.aembed_query("a query")

    async def with_client():
        async with AsyncClient(sidecar.address) as async_client:
            return await main(SpladeSparseEmbeddings(client=client, async_client=async_client))

    plain = SpladeSparseEmbeddings(client=client)
    wanted = plain.embed_documents(["a text"]), plain.embed_query("a query")
    assert asyncio.run(with_client()) == wanted
    assert asyncio.run(main(plain)) == wanted


def test_haystack_pipelines_index_and_retrieve(sidecar, corpus, expected):
    haystack = import_package("haystack")
    import_package("haystack_integrations.document_stores.qdrant")
    from haystack.components.writers import DocumentWriter
    from haystack_integrations.components.retrievers.qdrant import QdrantSparseEmbeddingRetriever
    from haystack_integrations.document_stores.qdrant import QdrantDocumentStore

    from splade_sidecar.haystack import SpladeSparseDocumentEmbedder, SpladeSparseTextEmbedder

    store = QdrantDocumentStore(":memory:", use_sparse_embeddings=True, embedding_dim=4, recreate_index=True)
    indexing = haystack.Pipeline()
    indexing.add_component("embedder", SpladeSparseDocumentEmbedder(sidecar.address))
    indexing.add_component("writer", DocumentWriter(store))
    indexing.connect("embedder.documents", "writer.documents")
    indexing.run({"embedder": {"documents": [haystack.Document(content=entry["text"]) for entry in corpus]}})

    querying = haystack.Pipeline()
    querying.add_component("embedder", SpladeSparseTextEmbedder(sidecar.address))
    querying.add_component("retriever", QdrantSparseEmbeddingRetriever(store, top_k=3, scale_score=False))
    querying.connect("embedder.sparse_embedding", "retriever.query_sparse_embedding")
    found = querying.run({"embedder": {"text": QUERY}})["retriever"]["documents"]
    assert_same([(document.content, document.score) for document in found], expected)


def test_haystack_components_are_written_to_files(sidecar, monkeypatch):
    haystack = import_package("haystack")
    from haystack.utils import Secret

    from splade_sidecar.haystack import SpladeSparseDocumentEmbedder

    monkeypatch.setenv("SPLADE_TOKEN", "a secret of some length")
    pipeline = haystack.Pipeline()
    token = Secret.from_env_var("SPLADE_TOKEN")
    pipeline.add_component("embedder", SpladeSparseDocumentEmbedder(sidecar.address, token=token))
    written = pipeline.dumps()
    assert "a secret" not in written
    given = [haystack.Document(content="some text"), haystack.Document(content=None), haystack.Document(content="more")]
    loaded = haystack.Pipeline.loads(written, allowed_modules=["splade_sidecar.haystack"])
    documents = loaded.run({"embedder": {"documents": given}})["embedder"]["documents"]
    assert [document.id for document in documents] == [document.id for document in given]
    assert [document.sparse_embedding is not None for document in documents] == [True, False, True]
    assert given[0].sparse_embedding is None


def test_llama_index_retrieves_by_sparse_vectors(client, corpus, expected):
    import_package("llama_index.vector_stores.qdrant")
    from llama_index.core import StorageContext, VectorStoreIndex
    from llama_index.core.embeddings import MockEmbedding
    from llama_index.core.schema import TextNode
    from llama_index.core.vector_stores.types import VectorStoreQueryMode
    from llama_index.vector_stores.qdrant import QdrantVectorStore
    from qdrant_client import QdrantClient

    from splade_sidecar.llama_index import sparse_doc_fn, sparse_query_fn

    store = QdrantVectorStore(
        "notes",
        client=QdrantClient(":memory:"),
        enable_hybrid=True,
        sparse_doc_fn=sparse_doc_fn(client),
        sparse_query_fn=sparse_query_fn(client),
    )
    index = VectorStoreIndex(
        [TextNode(text=entry["text"]) for entry in corpus],
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=MockEmbedding(embed_dim=4),
    )
    retriever = index.as_retriever(
        vector_store_query_mode=VectorStoreQueryMode.SPARSE, similarity_top_k=3, sparse_top_k=3
    )
    found = retriever.retrieve(QUERY)
    assert_same([(node.text, node.score) for node in found], expected)


BLANK = ["", " \t\n", "\u200b\ufeff", "\0\x1b", "\u3164", "\u00ad\u2060\U000e0020", "\ufff9\u180e\u2028\u0085"]
BLANK += ["\u2800"]
VISIBLE = [".", "\u0301", "\u0600", "\ufffd", "\ufeffa"]


def test_client_and_server_agree_on_blank_texts(client):
    from splade_sidecar.blank import is_blank

    edges = [0x1F, 0x20, 0x7E, 0x7F, 0x9F, 0xA0, 0xA1, 0xAD, 0x34F, 0x61C, 0x115F, 0x1161, 0x1680, 0x17B4, 0x17B6]
    edges += [0x180A, 0x180B, 0x180F, 0x1810, 0x1FFF, 0x2000, 0x200F, 0x2010, 0x2027, 0x2028, 0x202F, 0x2030, 0x205E]
    edges += [0x205F, 0x206F, 0x2070, 0x3000, 0x3001, 0x3164, 0xFDFF, 0xFE00, 0xFE0F, 0xFE10, 0xFEFF, 0xFFA0, 0xFFEF]
    edges += [0xFFF0, 0xFFFB, 0xFFFC, 0x1BC9F, 0x1BCA0, 0x1BCA3, 0x1D172, 0x1D173, 0x1D17A, 0xDFFFF, 0xE0000, 0xE0FFF]
    texts = BLANK + VISIBLE + [chr(edge) for edge in edges] + [chr(point) for point in range(0x3000)]
    # A model also rejects texts without any token, with another message.
    errors = [one.error.message if one.error else "" for one in client.encode_stream(texts)]
    rejected = [error.startswith("the text is blank") for error in errors]
    assert [is_blank(text) for text in texts] == rejected
    assert all(map(is_blank, BLANK)) and not any(map(is_blank, VISIBLE))


def test_a_blank_text_has_an_empty_vector(sidecar, client):
    """A blank chunk doesn't fail the call, and the vectors of the other chunks keep their positions."""
    import asyncio

    texts = [text for place in range(70) for text in (f"chunk number {place}", BLANK[place % len(BLANK)])]
    wanted = [pair for one in client.encode(texts[::2]) for pair in ((one.indices, one.values), ([], []))]

    llama_index = import_package("splade_sidecar.llama_index")
    indices, values = llama_index.sparse_doc_fn(client)(texts)
    assert list(zip(indices, values, strict=True)) == wanted
    assert llama_index.sparse_query_fn(client)([" "]) == ([[]], [[]])

    if import_package("qdrant_client"):
        from splade_sidecar.qdrant import SparseTextEmbedding

        encoder = SparseTextEmbedding(client=client)
        for batch_size in (1, 7, 64):
            vectors = [(one.indices.tolist(), one.values.tolist()) for one in encoder.embed(texts, batch_size)]
            assert vectors == wanted
        for texts_or_one in (BLANK, "\u200b"):
            for one in encoder.query_embed(texts_or_one):
                assert one.as_dict() == {}
        assert encoder.token_count(BLANK) == 0

    import_package("langchain_qdrant")
    from splade_sidecar import AsyncClient
    from splade_sidecar.langchain import SpladeSparseEmbeddings

    async def with_asyncio():
        async with AsyncClient(sidecar.address) as async_client:
            embeddings = SpladeSparseEmbeddings(client=client, async_client=async_client)
            return await embeddings.aembed_documents(texts), await embeddings.aembed_query("\u200b")

    embeddings = SpladeSparseEmbeddings(client=client)
    vectors = embeddings.embed_documents(texts)
    assert [(one.indices, one.values) for one in vectors] == wanted
    query = embeddings.embed_query("\u200b")
    assert (query.indices, query.values) == ([], [])
    assert asyncio.run(with_asyncio()) == (vectors, query)


def test_haystack_leaves_blank_documents_without_an_embedding(sidecar, client):
    haystack = import_package("haystack")
    from splade_sidecar.haystack import SpladeSparseDocumentEmbedder, SpladeSparseTextEmbedder

    given = [haystack.Document(content=text) for text in ["a", None, *BLANK, "b"]]
    documents = SpladeSparseDocumentEmbedder(sidecar.address).run(given)["documents"]
    assert [document.content for document in documents] == [document.content for document in given]
    has_embedding = [document.sparse_embedding is not None for document in documents]
    assert has_embedding == [True, *[False] * (1 + len(BLANK)), True]
    [wanted] = client.encode(["b"])
    assert documents[-1].sparse_embedding.indices == wanted.indices
    embedding = SpladeSparseTextEmbedder(sidecar.address).run("\u200b")["sparse_embedding"]
    assert (embedding.indices, embedding.values) == ([], [])


def test_errors_of_adapters_name_the_rejected_text(start, tmp_path):
    """The index counts all texts of the caller, including blank ones."""
    from splade_sidecar import Client, InvalidArgument

    server = start(tmp_path / "store", "--max-text-bytes", "1000")
    texts = [f"text {place}" for place in range(100)]
    texts[3] = texts[68] = " "
    texts[69] = "x" * 1001
    calls = []
    with Client(server.address) as client:
        from splade_sidecar.llama_index import sparse_doc_fn

        calls.append(lambda: sparse_doc_fn(client)(texts))
        if import_package("qdrant_client"):
            from splade_sidecar.qdrant import SparseTextEmbedding

            calls.append(lambda: list(SparseTextEmbedding(client=client).embed(iter(texts))))
            calls.append(lambda: list(SparseTextEmbedding(client=client).query_embed(texts)))
        if import_package("langchain_qdrant"):
            from splade_sidecar.langchain import SpladeSparseEmbeddings

            calls.append(lambda: SpladeSparseEmbeddings(client=client).embed_documents(texts))
        if haystack := import_package("haystack"):
            from splade_sidecar.haystack import SpladeSparseDocumentEmbedder

            given = [haystack.Document(content=None if text == " " else text) for text in texts]
            calls.append(lambda: SpladeSparseDocumentEmbedder(server.address).run(given))
        for call in calls:
            with pytest.raises(InvalidArgument) as caught:
                call()
            assert caught.value.reason == "TEXT_TOO_LONG"
            assert [violation.field for violation in caught.value.violations] == ["texts[69]"]
            assert caught.value.message.startswith("texts[69]: ")
