#!/usr/bin/env bash
# The main job, end to end: starts the sidecar with an embedded store in a temporary folder, streams documents through
# `Ingest`, searches, explains the best hit, measures, and stops the sidecar. Leaves nothing behind, however it ends.
#
#   scripts/demo.sh BINARY MODEL_FOLDER
#
# DOCS     documents to use instead of demo/corpus.jsonl: JSON lines with a field `text` and, if you like, `id`
# QUERIES  queries to use instead of demo/queries.txt, one a line
#
# Other names of fields: SPLADE_INGEST_TEXT_FIELD, SPLADE_INGEST_ID_FIELD (see `splade-sidecar ingest --help`).
set -euo pipefail

if (($# != 2)); then
  echo "usage: $0 BINARY MODEL_FOLDER" >&2
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
    echo "error: there is no file $file" >&2
    exit 2
  fi
done

# A setting of the user's own sidecar must not change this one. How documents are read is theirs to say.
for name in $(compgen -e SPLADE_ || true); do
  [[ $name == SPLADE_INGEST_* ]] || unset "$name"
done

work=$(mktemp -d "${TMPDIR:-/tmp}/splade-demo.XXXXXX")
log=$work/server.log
server=
stopped=

# Runs at every end. The server is given time to drain, then none.
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
    echo "--- the end of the sidecar's log" >&2
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

# Two ports that were free a moment ago.
free_ports() {
  python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in sockets))'
}

start_server() {
  local port metrics_port health
  read -r port metrics_port < <(free_ports)
  "$sidecar" serve --model "$model" --listen "127.0.0.1:$port" --metrics-listen "127.0.0.1:$metrics_port" \
    --store-dir "$work/store" >"$log" 2>&1 &
  server=$!
  export SPLADE_SERVER=http://127.0.0.1:$port SPLADE_COLLECTION=demo
  # Whichever ends first: a server that dies is noticed at once, and not only when the probe gives up.
  "$sidecar" health --wait 120s >/dev/null &
  health=$!
  wait -n "$server" "$health" || true
  if ! kill -0 "$server" 2>/dev/null; then
    kill "$health" 2>/dev/null || true
    echo "error: the sidecar ended before it served" >&2
    exit 1
  fi
  wait "$health"
  echo "serving on 127.0.0.1:$port"
}

ingest() {
  local status=0
  "$sidecar" ingest "$docs" --create-collection --rejects "$work/rejects.jsonl" | tee "$work/summary.txt" || status=$?
  if ((status == 1)); then
    echo "The first of the rejected lines:"
    head -n 3 "$work/rejects.jsonl"
  elif ((status != 0)); then
    exit "$status"
  fi
}

# The id of the best hit for a query, in the form that `explain` takes: without the text, it ends the line.
best_hit() {
  "$sidecar" search "$1" --limit 1 --text-field '' | sed -nE '1s/^ +1 +[^ ]+  (.*[^ ]) *$/\1/p'
}

explain_best_hit() {
  local id
  id=$(best_hit "$1")
  if [[ -z $id ]]; then
    echo "nothing was found for it, so there is nothing to explain"
    return
  fi
  echo "$1 -> document $id"
  "$sidecar" explain "$1" --id "$id"
}

peak_memory() {
  if [[ -r /proc/$server/status ]]; then
    awk '/^VmHWM:/ { printf "%.0f MB\n", $2 / 1024 }' "/proc/$server/status"
  else
    echo "not known on this system"
  fi
}

stop_server() {
  local status=0
  kill -TERM "$server"
  wait "$server" || status=$?
  stopped=yes
  if ((status != 0)); then
    echo "error: the sidecar ended with status $status" >&2
    exit 1
  fi
}

step "Start the sidecar"
start_server

step "Ingest $docs"
ingest

step "Search"
mapfile -t first_queries < <(sed -E '/^[[:space:]]*$/d' "$queries" | head -n 3)
for query in "${first_queries[@]}"; do
  echo "$query"
  "$sidecar" search "$query" --limit 3
done

step "Explain the best hit of the first"
explain_best_hit "${first_queries[0]}"

step "Measure the searches"
latency=$("$sidecar" search --queries "$queries" --repeat "$repeat")
memory=$(peak_memory)
stop_server

grep -E '^(documents|tokens)/s' "$work/summary.txt"
echo "searches     $latency"
echo "peak memory  $memory"
