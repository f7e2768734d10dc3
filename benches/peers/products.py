#!/usr/bin/env python3
"""Measures the fastest matrix products of this machine, which limit the speed of an encoder.

    python benches/peers/products.py --threads 2

Multiplies the matrices of a BERT-base layer and of its head for 512 tokens in float32, with PyTorch, numpy and ONNX
Runtime (which packs the weights beforehand): one product over all threads, and one concurrent product per thread. The
last line of output is JSON, in GFLOP/s by library, shape and parallelism. It runs as a separate process, because thread
counts are global.
"""

import argparse
import json
import threading
import time
from collections.abc import Callable

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from threadpoolctl import threadpool_limits

TOKENS = 512
SHAPES = [(TOKENS, 768, 3072), (TOKENS, 3072, 768), (TOKENS, 768, 30522)]
SECONDS = 0.25
Product = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, required=True, metavar="N", help="number of threads")
    threads = parser.parse_args().threads
    rates = {}
    for shape in SHAPES:
        for library, create in {
            "torch": create_torch_product,
            "numpy": create_numpy_product,
            "onnxruntime": create_onnx_product,
        }.items():
            name = f"{library} {'x'.join(map(str, shape))}"
            limit_threads(1)
            rates[f"{name}, 1 thread"] = measure_gflops(shape, [create(*shape, 1)])
            rates[f"{name}, {threads} at once"] = measure_gflops(shape, [create(*shape, 1) for _ in range(threads)])
            limit_threads(threads)
            rates[f"{name}, one over {threads} threads"] = measure_gflops(shape, [create(*shape, threads)])
    print(json.dumps({name: round(value, 1) for name, value in rates.items()}))


def limit_threads(count: int) -> None:
    torch.set_num_threads(count)
    threadpool_limits(count)


def create_torch_product(m: int, k: int, n: int, _threads: int) -> Product:
    a, b, out = torch.randn(m, k), torch.randn(k, n), torch.empty(m, n)
    return lambda: torch.mm(a, b, out=out)


def create_numpy_product(m: int, k: int, n: int, _threads: int) -> Product:
    a, b, out = generate_matrix(m, k), generate_matrix(k, n), np.empty((m, n), dtype=np.float32)
    return lambda: np.matmul(a, b, out=out)


def create_onnx_product(m: int, k: int, n: int, threads: int) -> Product:
    a, b = generate_matrix(m, k), numpy_helper.from_array(generate_matrix(k, n), "b")
    inputs = [helper.make_tensor_value_info("a", TensorProto.FLOAT, [m, k])]
    outputs = [helper.make_tensor_value_info("c", TensorProto.FLOAT, [m, n])]
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "product", inputs, outputs, [b])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"a": a})


def generate_matrix(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((rows, columns), dtype=np.float32)


def measure_gflops(shape: tuple[int, int, int], products: list[Product]) -> float:
    """Returns the total GFLOP/s of products that run repeatedly, each in its own thread."""
    counts = [0] * len(products)
    barrier = threading.Barrier(len(products) + 1)

    def work(number: int) -> None:
        # PyTorch's number of threads is local to the calling thread.
        if len(products) > 1:
            torch.set_num_threads(1)
        products[number]()
        barrier.wait()
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            products[number]()
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(products))]
    for thread in threads:
        thread.start()
    barrier.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    m, k, n = shape
    return 2e-9 * m * k * n * sum(counts) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
