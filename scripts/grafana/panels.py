"""What the Grafana dashboard shows: a row for each stage of the pipeline.

A panel is its title, unit, description and queries, and perhaps thresholds. All queries are of the instances chosen
above the dashboard, and rates have Grafana's own interval, so that no scrape is missed.
"""

RATE = "suffix:/s"
GREEN, YELLOW, RED = "green", "yellow", "red"
CHOSEN = 'job=~"$job", instance=~"$instance", pod=~"$pod"'
BY_INSTANCE = "by (instance, pod)"
INSTANCE = "{{instance}} {{pod}}"
OURS = 'method=~"splade.*"'  # Without health and reflection.


def of(name: str, labels: str = "") -> str:
    """A metric's samples of the chosen instances."""
    return f"{name}{{{', '.join(filter(None, (labels, CHOSEN)))}}}"


def rate(name: str, labels: str = "") -> str:
    return f"rate({of(name, labels)}[$__rate_interval])"


def ours(expr: str) -> str:
    """Of a metric that other programs have too: only where it is splade-sidecar's."""
    return f"{expr} and on (job, instance) {of('splade_build_info')}"


def quantiles(name: str, label: str = "", labels: str = "") -> list:
    """p50 and p99 of a histogram, for each value of the label."""
    by = f"le, {label}" if label else "le"
    legend = f"{{{{{label}}}}} " if label else ""
    bucket = rate(f"{name}_bucket", labels)
    return [
        (f"histogram_quantile({share}, sum by ({by}) ({bucket}))", f"{legend}p{share * 100:.0f}")
        for share in (0.5, 0.99)
    ]


def mean(name: str) -> str:
    return f"sum({rate(f'{name}_sum')}) / sum({rate(f'{name}_count')})"


def steps(*bounds: tuple) -> dict:
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in bounds]}


NO_STEPS = steps((None, GREEN))
ALL_YES = steps((None, RED), (1, GREEN))
SATURATION = (
    f"sum {BY_INSTANCE} ({rate('splade_encode_seconds_sum')}) / sum {BY_INSTANCE} ({of('splade_encoder_threads')})"
)
REJECTED_SHARE = f"sum({rate('splade_documents_rejected_total')}) / sum({rate('splade_documents_received_total')})"
QUERY_AGE = of("splade_queue_age_seconds", 'lane="query"')
PERMITS_SHARE = f"{of('splade_permits_held')} / {of('splade_permits_limit')}"

# fmt: off
# What one looks at first: title, unit, description, query, thresholds.
STATS = [
    ("Ready", "none", "All chosen instances take calls", f"min({of('splade_ready')})", ALL_YES),
    ("Store answers", "none", "To all chosen instances", f"min({of('splade_store_up')})", ALL_YES),
    ("Indexed", RATE, "Documents that the store confirmed",
     f"sum({rate('splade_documents_indexed_total')})", NO_STEPS),
    ("Rejected", "percentunit", "Share of the documents and texts received", REJECTED_SHARE,
     steps((None, GREEN), (0.01, YELLOW), (0.05, RED))),
    ("Encoders busy", "percentunit", "The busiest instance's encoder threads. In a backfill they should be",
     f"max({SATURATION})", NO_STEPS),
    ("Oldest query waiting", "s", "For an encoder thread, of all instances",
     f"max({QUERY_AGE})", steps((None, GREEN), (0.25, YELLOW), (1, RED))),
    ("Permits held", "percentunit", "The largest share of a limit. Full means that clients wait",
     f"max({PERMITS_SHARE})", steps((None, GREEN), (0.9, YELLOW))),
    ("Retries", "percentunit", "Share of the attempts to write that are tried again",
     f"sum({rate('splade_upsert_retries_total')}) / sum({rate('splade_upsert_seconds_count')})",
     steps((None, GREEN), (0.01, YELLOW), (0.1, RED))),
]

# A row for each stage. A panel: title, unit, description, queries with their legends, and perhaps thresholds.
ROWS = {
    "1 · Received": [
        ("Received", RATE, "Documents and texts read from the network, by call",
         [(f"sum by (call) ({rate('splade_documents_received_total')})", "{{call}}")]),
        ("Open streams and connections", "short", "Streams by call, connections by listener",
         [(f"sum by (call) ({of('splade_streams_open')})", "streams {{call}}"),
          (f"sum by (listener) ({of('splade_connections_open')})", "connections {{listener}}")]),
        ("Refused without a valid token", "reqps", "Calls that carried no token, or a wrong one",
         [(f"sum {BY_INSTANCE} ({rate('splade_unauthenticated_total')})", INSTANCE)], steps((None, GREEN), (0.1, RED))),
    ],
    "2 · Admitted": [
        ("Admitted", RATE, "Permits given; a document is read from the network only when it has one",
         [(f"sum by (work, lane) ({rate('splade_admitted_total')})", "{{work}} {{lane}}")]),
        ("Permits held", "percentunit", "Share of --max-documents or --max-interactive. At 1, clients wait",
         [(f"max by (work, lane, instance) ({PERMITS_SHARE})", "{{work}} {{lane}} {{instance}}")],
         steps((None, GREEN), (0.9, YELLOW), (1, RED))),
    ],
    "3 · Queues": [
        ("Texts that wait", "short", "For an encoder thread, by lane; at most --queue-texts each",
         [(f"sum by (lane) ({of('splade_queue_depth')})", "{{lane}}")]),
        ("Age of the oldest", "s", "How long it has waited, on the worst instance. Scale on this",
         [(f"max by (lane) ({of('splade_queue_age_seconds')})", "{{lane}}")],
         steps((None, GREEN), (1, YELLOW), (60, RED))),
        ("Time in the queue", "s", "Of the texts that left it", quantiles("splade_queue_seconds", "lane")),
    ],
    "4 · Encoders": [
        ("Busy", "percentunit", "Share of the time of all encoder threads. A batch counts when it ends",
         [(SATURATION, INSTANCE)], steps((None, GREEN), (0.95, YELLOW))),
        ("Tokens", RATE, "Tokens encoded a second, special ones included, by model",
         [(f"sum by (model) ({rate('splade_tokens_total')})", "{{model}}")]),
        ("Time of a batch", "s", "To encode it", quantiles("splade_encode_seconds")),
        ("Batch fill", "percentunit", "Tokens of a batch as a share of --batch-tokens, mean. Low: little to do",
         [(mean("splade_encode_batch_fill_ratio"), "mean")]),
        ("Size of a batch", "short", "On average",
         [(mean("splade_encode_batch_texts"), "texts"), (mean("splade_encode_batch_tokens"), "tokens")]),
        ("Terms of a vector", "short", "By role. More terms make a larger index and slower searches",
         quantiles("splade_vector_terms", "role")),
        ("Long texts and failures", RATE, "Texts cut to the model's length or encoded as windows; batches that failed",
         [(f"sum({rate('splade_texts_truncated_total')})", "cut"),
          (f"sum({rate('splade_texts_windowed_total')})", "windowed"),
          (f"sum({rate('splade_encoder_failures_total')})", "failed batches")]),
    ],
    "5 · Writer": [
        ("Points", RATE, "Points in upserts, each try counted",
         [(f"sum({rate('splade_upsert_points_sum')})", "points")]),
        ("Upserts in flight", "short", "And their limit, which follows the store's time and refusals",
         [(f"sum {BY_INSTANCE} ({of('splade_upserts_in_flight')})", f"in flight {INSTANCE}"),
          (f"sum {BY_INSTANCE} ({of('splade_upserts_in_flight_limit')})", f"limit {INSTANCE}")]),
        ("Time of an upsert", "s", "Of one attempt, by outcome", quantiles("splade_upsert_seconds", "outcome")),
        ("Points of an upsert", "short", "On average", [(mean("splade_upsert_points"), "mean")]),
        ("Retries", RATE, "Upserts tried again, by reason",
         [(f"sum by (reason) ({rate('splade_upsert_retries_total')})", "{{reason}}")]),
    ],
    "6 · Results": [
        ("Results", RATE, "Documents indexed, left unchanged, rejected",
         [(f"sum({rate('splade_documents_indexed_total')})", "indexed"),
          (f"sum({rate('splade_documents_unchanged_total')})", "unchanged"),
          (f"sum({rate('splade_documents_rejected_total')})", "rejected")]),
        ("Rejected, by reason", RATE, "The reasons are those that clients are told",
         [(f"sum by (reason) ({rate('splade_documents_rejected_total')})", "{{reason}}")]),
        ("From permit to result", "s", "Of a document or text, by call", quantiles("splade_document_seconds", "call")),
    ],
    "Calls and searches": [
        ("Calls", "reqps", "By status",
         [(f"sum by (code) ({rate('splade_calls_total', OURS)})", "{{code}}")]),
        ("Time of a call", "s", "By method; a stream's is as long as its client keeps it open",
         quantiles("splade_call_seconds", "method", OURS)),
        ("Time of a search in the store", "s", "Without the encoding of the query", quantiles("splade_search_seconds")),
    ],
    "Process": [
        ("Memory", "bytes", "Resident. With a remote store it should be flat",
         [(ours(of("process_resident_memory_bytes")), INSTANCE)]),
        ("Processors used", "short", "Seconds of CPU time a second",
         [(ours(rate("process_cpu_seconds_total")), INSTANCE)]),
        ("Open files", "short", "File descriptors", [(ours(of("process_open_fds")), INSTANCE)]),
        ("Up for", "s", "Since the process began",
         [(ours(f"time() - {of('process_start_time_seconds')}"), INSTANCE)]),
    ],
}

TABLES = [
    ("Versions", f"count by (version, revision) ({of('splade_build_info')})"),
    ("Models", f"count by (model, architecture, dtype, device, fingerprint) ({of('splade_model_info')})"),
    ("Stores", f"count by (kind) ({of('splade_store_info')})"),
]
# fmt: on
