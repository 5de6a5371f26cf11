#!/bin/bash
# Requests a second of rt/http_server beside nginx (sendfile) on the same files, in the same run.
# Usage: bench/http.sh [build folder]
set -eu
build=${1:-build/release}
dir=$(mktemp -d)
trap 'kill $server $nginx 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$dir"' EXIT
server= nginx=
mkfifo "$dir/in" "$dir/out"
mkdir "$dir/files"
chmod 755 "$dir" "$dir/files"
"$build/bench/http_bench" "$dir/files" <"$dir/in" >"$dir/out" &
server=$!
exec 8>"$dir/in"
read -r port <"$dir/out"
. "$(dirname "$0")/nginx.sh"
for _ in $(seq 50); do curl -s -o /dev/null "http://127.0.0.1:$peer/4k" && break; sleep 0.1; done
rate() { wrk -t2 -c16 -d3 "$1" | awk '/Requests\/sec/ { print $2 }'; }
for size in 4k 256k; do
    for round in 1 2; do
        theirs=$(rate "http://127.0.0.1:$peer/$size")
        ours=$(rate "http://127.0.0.1:$port/$size")
        awk -v s=$size -v r=$round -v a="$ours" -v b="$theirs" \
            'BEGIN { printf "http %s round %d: ours %.0f/s, nginx %.0f/s, ratio %.2f\n", s, r, a, b, a / b }'
    done
done
