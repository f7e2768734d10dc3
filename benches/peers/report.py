"""The tables: every contender's speed beside the best peers', and the goals of the project beside what was reached."""

import statistics
import sys

import cores

SHORT = "glosses"
TINY, BERT = "splade-tiny", "bert-shape"


def print_result(result: dict) -> None:
    rows = result["contenders"]
    yardsticks = {dtype: best(result, dtype, peer=True) for dtype in ("float32", "int8")}
    say(f"\n{result['model']}, {result['texts']}: {result['documents']} texts of {mean_length(result):.0f} tokens")
    say(f"{result['threads']} threads; medians of rounds; ratios to the best peer of a dtype\n")
    say(f"{'':<42}{'texts/s':>10}{'tokens/s':>10}" + "".join(f"{name:>10}" for name in yardsticks))
    for row in rows:
        speed = tokens_per_s(result, row)
        name = f"{row['name']}, {row['dtype']}, {row['variant']}"
        ratios = (
            f"{speed / tokens_per_s(result, peer):>9.2f}x" if peer else f"{'':>10}" for peer in yardsticks.values()
        )
        say(f"{name:<42}{speed / mean_length(result):>10.1f}{speed:>10.0f}" + "".join(ratios))
    name, gflops = best_product(result)
    bound = product_bound(result)
    say(f"\nbest matrix product, float32: {gflops:.0f} GFLOP/s ({name})")
    say(f"{result['flop_per_token'] / 1e6:.1f} MFLOP a token: {bound:.0f} tokens/s at that rate")
    disturbance = statistics.median(result["disturbance"])
    verdict = (
        "" if disturbance < cores.QUIET else ": TOO MUCH for figures to be trusted; whoever uses all cores suffers most"
    )
    say(f"other processes took {disturbance:.1%} of the machine{verdict}\n")


def print_goals(results: list[dict]) -> None:
    say(f"{'goal':<74}{'at least':>9}{'reached':>9}")
    for result in results:
        for name, least, value in goals(result):
            reached = "    not measured" if value is None else f"{value:>9.2f}{'' if value >= least else '  missed'}"
            say(f"{result['model'] + ', ' + result['texts'] + ': ' + name:<74}{least:>9.2f}{reached}")


def goals(result: dict) -> list[tuple[str, float, float | None]]:
    """What is to be reached, at least how much, and what was, if it was measured."""
    found = []
    if result["texts"] == SHORT:
        found = [against(result, "float32", 2.0), against(result, "int8", 2.0)]
    elif result["model"] == BERT:
        found = [against(result, "float32", 1.3), product_share(result, 0.88), against(result, "int8", 1.6)]
    elif result["model"] == TINY:
        found = [against(result, "float32", 5.0)]
    if result["threads"] == 2 and result["texts"] != SHORT:
        found += [second_thread(result, "float32", 1.9), second_thread(result, "int8", 1.9)]
    return found


def against(result: dict, dtype: str, least: float) -> tuple[str, float, float | None]:
    ours, peer = best(result, dtype, peer=False), best(result, dtype, peer=True)
    value = tokens_per_s(result, ours) / tokens_per_s(result, peer) if ours and peer else None
    return f"{dtype} over the best {dtype} peer", least, value


def product_share(result: dict, least: float) -> tuple[str, float, float | None]:
    ours = best(result, "float32", peer=False)
    share = tokens_per_s(result, ours) / product_bound(result) if ours else None
    return "float32, share of the best matrix product", least, share


def second_thread(result: dict, dtype: str, least: float) -> tuple[str, float, float | None]:
    rows = {row["variant"]: statistics.median(row["seconds"]) for row in of(result, dtype, peer=False)}
    gain = rows["1 thread"] / rows["2 threads"] if len(rows) == 2 else None
    return f"{dtype}, from 1 thread to 2", least, gain


def of(result: dict, dtype: str, peer: bool) -> list[dict]:
    return [row for row in result["contenders"] if (row["dtype"], row["peer"]) == (dtype, peer)]


def best(result: dict, dtype: str, peer: bool) -> dict | None:
    return max(of(result, dtype, peer), key=lambda row: tokens_per_s(result, row), default=None)


def tokens_per_s(result: dict, row: dict) -> float:
    return result["tokens"] / statistics.median(row["seconds"])


def mean_length(result: dict) -> float:
    return result["tokens"] / result["documents"]


def best_product(result: dict) -> tuple[str, float]:
    """The fastest way to multiply, and its median over the rounds."""
    rounds = result["products_gflops"]
    medians = {name: statistics.median(figures[name] for figures in rounds) for name in rounds[0]}
    return max(medians.items(), key=lambda item: item[1])


def product_bound(result: dict) -> float:
    """Tokens a second if all arithmetic ran at the rate of the best matrix product."""
    return best_product(result)[1] * 1e9 / result["flop_per_token"]


def say(line: str) -> None:
    print(line, file=sys.stderr)
