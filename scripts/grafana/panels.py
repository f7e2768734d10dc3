"""Panels of the Grafana dashboard: one row per pipeline stage.

A panel is a tuple of title, unit, description, queries and optional thresholds. All queries filter by the dashboard's
variables. Rates use `$__rate_interval`, so that every window contains enough samples.
"""

RATE = "suffix:/s"
GREEN, YELLOW, RED = "green", "yellow", "red"
SELECTED = 'job=~"$job", instance=~"$instance", pod=~"$pod"'
BY_INSTANCE = "by (instance, pod)"
INSTANCE = "{{instance}} {{pod}}"
API_METHODS = 'method=~"splade.*"'  # Excludes health checks and reflection.


def select(name: str, labels: str = "") -> str:
    """Returns a selector for a metric of the selected instances."""
    return f"{name}{{{', '.join(filter(None, (labels, SELECTED)))}}}"


def rate(name: str, labels: str = "") -> str:
    return f"rate({select(name, labels)}[$__rate_interval])"


def filter_processes(expr: str) -> str:
    """Restricts a metric that other programs also export to instances of splade-sidecar."""
    return f"{expr} and on (job, instance) {select('splade_build_info')}"


def quantiles(name: str, label: str = "", labels: str = "") -> list:
    """Returns queries and legends for p50 and p99 of a histogram, by the label if there is one."""
    by = f"le, {label}" if label else "le"
    legend = f"{{{{{label}}}}} " if label else ""
    bucket = rate(f"{name}_bucket", labels)
    return [
        (f"histogram_quantile({share}, sum by ({by}) ({bucket}))", f"{legend}p{share * 100:.0f}")
        for share in (0.5, 0.99)
    ]


def mean(name: str) -> str:
    return f"sum({rate(f'{name}_sum')}) / sum({rate(f'{name}_count')})"


def thresholds(*bounds: tuple) -> dict:
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in bounds]}


NO_THRESHOLDS = thresholds((None, GREEN))
ALL_YES = thresholds((None, RED), (1, GREEN))
SATURATION = (
    f"sum {BY_INSTANCE} ({rate('splade_encode_seconds_sum')}) / sum {BY_INSTANCE} ({select('splade_encoder_threads')})"
)
REJECTED_SHARE = f"sum({rate('splade_documents_rejected_total')}) / sum({rate('splade_documents_received_total')})"
QUERY_AGE = select("splade_queue_age_seconds", 'lane="query"')
PERMITS_SHARE = f"{select('splade_permits_held')} / {select('splade_permits_limit')}"

# fmt: off
# Single-value panels at the top of the dashboard: title, unit, description, query, thresholds.
STATS = [
    ("Ready", "none", "Whether all selected instances accept calls", f"min({select('splade_ready')})", ALL_YES),
    ("Store available", "none", "Whether the store responds to all selected instances",
     f"min({select('splade_store_up')})", ALL_YES),
    ("Indexed", RATE, "Documents confirmed by the store",
     f"sum({rate('splade_documents_indexed_total')})", NO_THRESHOLDS),
    ("Rejected", "percentunit", "Share of received documents and texts that were rejected or failed", REJECTED_SHARE,
     thresholds((None, GREEN), (0.01, YELLOW), (0.05, RED))),
    ("Encoder utilization", "percentunit", "Encoder threads of the busiest instance; about 100 % in a backfill",
     f"max({SATURATION})", NO_THRESHOLDS),
    ("Oldest queued query", "s", "Longest wait of a query for an encoder thread, over all instances",
     f"max({QUERY_AGE})", thresholds((None, GREEN), (0.25, YELLOW), (1, RED))),
    ("Permits held", "percentunit", "Highest share of a permit limit in use; at 100 % clients wait",
     f"max({PERMITS_SHARE})", thresholds((None, GREEN), (0.9, YELLOW))),
    ("Retries", "percentunit", "Share of upsert attempts that are retried",
     f"sum({rate('splade_upsert_retries_total')}) / sum({rate('splade_upsert_seconds_count')})",
     thresholds((None, GREEN), (0.01, YELLOW), (0.1, RED))),
]

# One row per stage. A panel: title, unit, description, (query, legend) pairs, and optional thresholds.
ROWS = {
    "1 · Received": [
        ("Received", RATE, "Documents and texts read from the network, by call",
         [(f"sum by (call) ({rate('splade_documents_received_total')})", "{{call}}")]),
        ("Open streams and connections", "short", "Open streams by call, open connections by listener",
         [(f"sum by (call) ({select('splade_streams_open')})", "streams {{call}}"),
          (f"sum by (listener) ({select('splade_connections_open')})", "connections {{listener}}")]),
        ("Unauthenticated calls", "reqps", "Calls refused because the token was missing or invalid",
         [(f"sum {BY_INSTANCE} ({rate('splade_unauthenticated_total')})", INSTANCE)],
         thresholds((None, GREEN), (0.1, RED))),
    ],
    "2 · Admitted": [
        ("Admitted", RATE, "Permits granted; a document is read from the network only after it has a permit",
         [(f"sum by (work, lane) ({rate('splade_admitted_total')})", "{{work}} {{lane}}")]),
        ("Permits held", "percentunit",
          "Share of --max-in-flight-documents or --max-unary-texts in use; at 100 % clients wait",
         [(f"max by (work, lane, instance) ({PERMITS_SHARE})", "{{work}} {{lane}} {{instance}}")],
         thresholds((None, GREEN), (0.9, YELLOW), (1, RED))),
    ],
    "3 · Queues": [
        ("Queue depth", "short", "Texts that wait for an encoder thread, by lane; at most --max-queued-texts per lane",
         [(f"sum by (lane) ({select('splade_queue_depth')})", "{{lane}}")]),
        ("Queue age", "s", "Age of the oldest queued text on the worst instance; use it for autoscaling",
         [(f"max by (lane) ({select('splade_queue_age_seconds')})", "{{lane}}")],
         thresholds((None, GREEN), (1, YELLOW), (60, RED))),
        ("Queue time", "s", "Time that texts waited for an encoder thread", quantiles("splade_queue_seconds", "lane")),
    ],
    "4 · Encoders": [
        ("Utilization", "percentunit", "Share of time that encoder threads are busy; a batch is counted when it ends",
         [(SATURATION, INSTANCE)], thresholds((None, GREEN), (0.95, YELLOW))),
        ("Tokens", RATE, "Tokens encoded per second, including special tokens, by model",
         [(f"sum by (model) ({rate('splade_tokens_total')})", "{{model}}")]),
        ("Batch time", "s", "Time to encode one batch", quantiles("splade_encode_seconds")),
        ("Batch fill", "percentunit", "Mean tokens per batch as a share of --max-batch-tokens; low when idle",
         [(mean("splade_encode_batch_fill_ratio"), "mean")]),
        ("Batch size", "short", "Mean texts and tokens per batch",
         [(mean("splade_encode_batch_texts"), "texts"), (mean("splade_encode_batch_tokens"), "tokens")]),
        ("Terms per vector", "short", "By role; more terms mean a larger index and slower searches",
         quantiles("splade_vector_terms", "role")),
        ("Long texts and failures", RATE, "Texts truncated to the maximum length or encoded as windows; failed batches",
         [(f"sum({rate('splade_texts_truncated_total')})", "truncated"),
          (f"sum({rate('splade_texts_windowed_total')})", "windowed"),
          (f"sum({rate('splade_encoder_failures_total')})", "failed batches")]),
    ],
    "5 · Writer": [
        ("Points", RATE, "Points in upserts, counted once per attempt",
         [(f"sum({rate('splade_upsert_points_sum')})", "points")]),
        ("Upserts in flight", "short", "Current number and limit; the limit adapts to the store's latency and errors",
         [(f"sum {BY_INSTANCE} ({select('splade_upserts_in_flight')})", f"in flight {INSTANCE}"),
          (f"sum {BY_INSTANCE} ({select('splade_upserts_in_flight_limit')})", f"limit {INSTANCE}")]),
        ("Upsert latency", "s", "Time of one attempt, by outcome", quantiles("splade_upsert_seconds", "outcome")),
        ("Points per upsert", "short", "Mean", [(mean("splade_upsert_points"), "mean")]),
        ("Retries", RATE, "Retried upserts, by reason",
         [(f"sum by (reason) ({rate('splade_upsert_retries_total')})", "{{reason}}")]),
    ],
    "6 · Results": [
        ("Results", RATE, "Documents indexed, unchanged and rejected",
         [(f"sum({rate('splade_documents_indexed_total')})", "indexed"),
          (f"sum({rate('splade_documents_unchanged_total')})", "unchanged"),
          (f"sum({rate('splade_documents_rejected_total')})", "rejected")]),
        ("Rejected, by reason", RATE, "By the reason in the error that the client receives",
         [(f"sum by (reason) ({rate('splade_documents_rejected_total')})", "{{reason}}")]),
        ("Time to result", "s", "Time from permit to result of a document or text, by call",
         quantiles("splade_document_seconds", "call")),
    ],
    "Calls and searches": [
        ("Calls", "reqps", "Completed calls, by gRPC status",
         [(f"sum by (code) ({rate('splade_calls_total', API_METHODS)})", "{{code}}")]),
        ("Call duration", "s", "By method; a stream lasts as long as its client keeps it open",
         quantiles("splade_call_seconds", "method", API_METHODS)),
        ("Store search latency", "s", "Excludes the encoding of the query", quantiles("splade_search_seconds")),
    ],
    "Process": [
        ("Memory", "bytes", "Resident memory; flat with a remote store",
         [(filter_processes(select("process_resident_memory_bytes")), INSTANCE)]),
        ("CPU", "short", "CPU seconds per second",
         [(filter_processes(rate("process_cpu_seconds_total")), INSTANCE)]),
        ("Open files", "short", "Open file descriptors", [(filter_processes(select("process_open_fds")), INSTANCE)]),
        ("Uptime", "s", "Time since the process started",
         [(filter_processes(f"time() - {select('process_start_time_seconds')}"), INSTANCE)]),
    ],
}

TABLES = [
    ("Versions", f"count by (version, revision) ({select('splade_build_info')})"),
    ("Models", f"count by (model, architecture, dtype, device, fingerprint) ({select('splade_model_info')})"),
    ("Stores", f"count by (kind) ({select('splade_store_info')})"),
]
# fmt: on
