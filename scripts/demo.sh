#!/usr/bin/env bash
# End-to-end demo: starts the sidecar with an embedded store in a temporary directory, streams documents through `Ingest`,
# searches, explains the best hit, measures throughput and latency, and stops the sidecar. Removes all temporary files on exit.
#
#   scripts/demo.sh BINARY MODEL_DIR
#
# DOCS     documents to index instead of demo/corpus.jsonl: JSON Lines with a field `text` and an optional field `id`
# QUERIES  queries to run instead of demo/queries.txt, one per line
#
# SPLADE_INGEST_TEXT_FIELD and SPLADE_INGEST_ID_FIELD set other field names (see `splade-sidecar ingest --help`).
set -euo pipefail

if (($# != 2)); then
  echo "usage: $0 BINARY MODEL_DIR" >&2
  exit 2
fi
here=$(cd "$(dirname "$0")/.." && pwd)
sidecar=$1
model=$2
docs=${DOCS:-$here/demo/corpus.jsonl}
queries=${QUERIES:-$here/demo/queries.txt}
repeat=200

for file in "$sidecar" "$docs" "$queries"; do
  if [[ ! -f $file ]]; then
    echo "error: file not found: $file" >&2
    exit 2
  fi
done

# Settings of the user's own sidecar must not affect the demo, except those for reading documents.
for name in $(compgen -e SPLADE_ || true); do
  [[ $name == SPLADE_INGEST_* ]] || unset "$name"
done

work=$(mktemp -d "${TMPDIR:-/tmp}/splade-demo.XXXXXX")
log=$work/server.log
server=
stopped=

# Runs on every exit. Gives the server 10 s to drain, then kills it.
cleanup() {
  local status=$?
  trap - EXIT INT TERM
  if [[ -n $server && -z $stopped ]]; then
    kill -TERM "$server" 2>/dev/null || true
    for _ in {1..100}; do
      kill -0 "$server" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  if ((status != 0)) && [[ -s $log ]]; then
    echo "--- last lines of the server log" >&2
    tail -n 30 "$log" >&2
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step() {
  printf '\n\033[1m%s\033[0m\n' "$*"
}

# Prints two free ports.
find_free_ports() {
  python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in sockets))'
}

start_server() {
  local port metrics_port health
  read -r port metrics_port < <(find_free_ports)
  "$sidecar" serve --model "$model" --listen "127.0.0.1:$port" --metrics-listen "127.0.0.1:$metrics_port" \
    --store-dir "$work/store" >"$log" 2>&1 &
  server=$!
  export SPLADE_SERVER=http://127.0.0.1:$port SPLADE_COLLECTION=demo
  # Waits for the probe or the server, so that a server that exits is detected before the probe times out.
  "$sidecar" health --wait 120s >/dev/null &
  health=$!
  wait -n "$server" "$health" || true
  if ! kill -0 "$server" 2>/dev/null; then
    kill "$health" 2>/dev/null || true
    echo "error: the server exited before it was ready; see its log" >&2
    exit 1
  fi
  wait "$health"
  echo "serving on 127.0.0.1:$port"
}

ingest() {
  local status=0
  "$sidecar" ingest "$docs" --create-collection --rejects "$work/rejects.jsonl" | tee "$work/summary.txt" || status=$?
  if ((status == 1)); then
    echo "First rejected lines:"
    head -n 3 "$work/rejects.jsonl"
  elif ((status != 0)); then
    exit "$status"
  fi
}

# Prints the id of the best hit for a query, in the form that `explain` accepts. Without the text, the id is at the end of the
# line.
find_best_hit() {
  "$sidecar" search "$1" --limit 1 --text-field '' | sed -nE '1s/^ +1 +[^ ]+  (.*[^ ]) *$/\1/p'
}

explain_best_hit() {
  local id
  id=$(find_best_hit "$1")
  if [[ -z $id ]]; then
    echo "the query has no hits to explain"
    return
  fi
  echo "$1 -> document $id"
  "$sidecar" explain "$1" --id "$id"
}

print_peak_memory() {
  if [[ -r /proc/$server/status ]]; then
    awk '/^VmHWM:/ { printf "%.0f MB\n", $2 / 1024 }' "/proc/$server/status"
  else
    echo "not available on this system"
  fi
}

stop_server() {
  local status=0
  kill -TERM "$server"
  wait "$server" || status=$?
  stopped=yes
  if ((status != 0)); then
    echo "error: the server exited with status $status" >&2
    exit 1
  fi
}

step "Start the server"
start_server

step "Ingest $docs"
ingest

step "Search"
mapfile -t first_queries < <(sed -E '/^[[:space:]]*$/d' "$queries" | head -n 3)
for query in "${first_queries[@]}"; do
  echo "$query"
  "$sidecar" search "$query" --limit 3
done

step "Explain the best hit of the first query"
explain_best_hit "${first_queries[0]}"

step "Measure search latency"
latency=$("$sidecar" search --queries "$queries" --repeat "$repeat")
memory=$(print_peak_memory)
stop_server

grep -E '^(documents|tokens)/s' "$work/summary.txt"
echo "searches     $latency"
echo "peak memory  $memory"
