"""Prints the speed of all contenders relative to the best peers, and compares the results with the project's goals."""

import statistics
import sys

import cores

SHORT = "glosses"
TINY, BERT = "splade-tiny", "bert-shape"


def print_result(result: dict) -> None:
    """Prints the table of one model and corpus."""
    rows = result["contenders"]
    best_peers = {dtype: find_best(result, dtype, peer=True) for dtype in ("float32", "int8")}
    length = compute_mean_length(result)
    print_line(f"\n{result['model']}, {result['texts']}: {result['documents']} texts of {length:.0f} tokens")
    print_line(f"{result['threads']} threads; medians of all rounds; ratios to the best peer of each dtype\n")
    print_line(f"{'':<42}{'texts/s':>10}{'tokens/s':>10}" + "".join(f"{name:>10}" for name in best_peers))
    for row in rows:
        speed = compute_tokens_per_s(result, row)
        name = f"{row['name']}, {row['dtype']}, {row['variant']}"
        ratios = (
            f"{speed / compute_tokens_per_s(result, peer):>9.2f}x" if peer else f"{'':>10}"
            for peer in best_peers.values()
        )
        print_line(f"{name:<42}{speed / length:>10.1f}{speed:>10.0f}" + "".join(ratios))
    name, gflops = find_best_product(result)
    bound = compute_product_bound(result)
    print_line(f"\nfastest matrix product, float32: {gflops:.0f} GFLOP/s ({name})")
    print_line(f"{result['flop_per_token'] / 1e6:.1f} MFLOP per token: {bound:.0f} tokens/s at that rate")
    disturbance = statistics.median(result["disturbance"])
    verdict = (
        ""
        if disturbance < cores.MAX_OTHER_LOAD
        else ": TOO HIGH for reliable figures; contenders that use all cores are affected most"
    )
    print_line(f"other processes used {disturbance:.1%} of the CPU time{verdict}\n")


def print_goals(results: list[dict]) -> None:
    """Prints the goals with the measured values."""
    print_line(f"{'goal':<74}{'minimum':>9}{'measured':>9}")
    for result in results:
        for name, minimum, value in evaluate_goals(result):
            measured = "    not measured" if value is None else f"{value:>9.2f}{'' if value >= minimum else '  missed'}"
            print_line(f"{result['model'] + ', ' + result['texts'] + ': ' + name:<74}{minimum:>9.2f}{measured}")


def evaluate_goals(result: dict) -> list[tuple[str, float, float | None]]:
    """Returns the goals that apply to a result: name, minimum, and measured value if any."""
    found = []
    if result["texts"] == SHORT:
        found = [compare_with_peer(result, "float32", 2.0), compare_with_peer(result, "int8", 2.0)]
    elif result["model"] == BERT:
        found = [
            compare_with_peer(result, "float32", 1.3),
            compute_product_share(result, 0.88),
            compare_with_peer(result, "int8", 1.6),
        ]
    elif result["model"] == TINY:
        found = [compare_with_peer(result, "float32", 5.0)]
    if result["threads"] == 2 and result["texts"] != SHORT:
        found += [compute_scaling(result, "float32", 1.9), compute_scaling(result, "int8", 1.9)]
    return found


def compare_with_peer(result: dict, dtype: str, minimum: float) -> tuple[str, float, float | None]:
    """Returns the goal for the speed relative to the best peer of a dtype."""
    ours, peer = find_best(result, dtype, peer=False), find_best(result, dtype, peer=True)
    value = compute_tokens_per_s(result, ours) / compute_tokens_per_s(result, peer) if ours and peer else None
    return f"{dtype} over the best {dtype} peer", minimum, value


def compute_product_share(result: dict, minimum: float) -> tuple[str, float, float | None]:
    """Returns the goal for the speed relative to the fastest matrix product."""
    ours = find_best(result, "float32", peer=False)
    share = compute_tokens_per_s(result, ours) / compute_product_bound(result) if ours else None
    return "float32, share of the fastest matrix product", minimum, share


def compute_scaling(result: dict, dtype: str, minimum: float) -> tuple[str, float, float | None]:
    """Returns the goal for the speedup by a second thread."""
    rows = {row["variant"]: statistics.median(row["seconds"]) for row in select_rows(result, dtype, peer=False)}
    gain = rows["1 thread"] / rows["2 threads"] if len(rows) == 2 else None
    return f"{dtype}, from 1 thread to 2", minimum, gain


def select_rows(result: dict, dtype: str, peer: bool) -> list[dict]:
    return [row for row in result["contenders"] if (row["dtype"], row["peer"]) == (dtype, peer)]


def find_best(result: dict, dtype: str, peer: bool) -> dict | None:
    return max(select_rows(result, dtype, peer), key=lambda row: compute_tokens_per_s(result, row), default=None)


def compute_tokens_per_s(result: dict, row: dict) -> float:
    return result["tokens"] / statistics.median(row["seconds"])


def compute_mean_length(result: dict) -> float:
    return result["tokens"] / result["documents"]


def find_best_product(result: dict) -> tuple[str, float]:
    """Returns the fastest kind of matrix product, and its median GFLOP/s over all rounds."""
    rounds = result["products_gflops"]
    medians = {name: statistics.median(figures[name] for figures in rounds) for name in rounds[0]}
    return max(medians.items(), key=lambda item: item[1])


def compute_product_bound(result: dict) -> float:
    """Returns the tokens per second if all operations ran at the rate of the fastest matrix product."""
    return find_best_product(result)[1] * 1e9 / result["flop_per_token"]


def print_line(line: str) -> None:
    print(line, file=sys.stderr)
