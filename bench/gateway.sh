#!/bin/bash
# The gateway beside nginx (sendfile), which serves the same bytes as plain files, in the same run: raw blocks by wrk, one
# large file and its CAR by curl. Usage: bench/gateway.sh [build folder]; BENCH_MIB=1024 sets the size of the file.
set -eu
build=${1:-build/release}
mib=${BENCH_MIB:-1024}
dir=$(mktemp -d)
trap 'kill $server $nginx 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$dir"' EXIT
server= nginx=
export CRUST_HOME=$dir/home
mkfifo "$dir/in" "$dir/out"
mkdir "$dir/files"
chmod 755 "$dir" "$dir/files"
"$build/bin/crust" init >/dev/null
for size in 4 256; do
    for i in $(seq 64); do
        head -c $((size * 1024)) /dev/urandom >"$dir/block"
        cid=$("$build/bin/crust" block put --cid-codec raw "$dir/block" | grep -o 'bafkrei[a-z2-7]*' | head -1)
        mkdir -p "$dir/files/ipfs"
        cp "$dir/block" "$dir/files/ipfs/$cid"
        echo "$cid" >>"$dir/list$size"
    done
    awk 'BEGIN { print "local p = {" } { print "\"/ipfs/" $1 "?format=raw\"," }
         END { print "}\nlocal i = 0\nrequest = function() i = i % #p + 1 return wrk.format(\"GET\", p[i]) end" }' \
        "$dir/list$size" >"$dir/wrk$size.lua"
done
head -c $((mib * 1048576)) /dev/urandom >"$dir/files/big"
big=$("$build/bin/crust" add -Q "$dir/files/big")
"$build/tools/gateway_serve" "$CRUST_HOME/store" <"$dir/in" >"$dir/out" &
server=$!
exec 8>"$dir/in"
read -r port <"$dir/out"
. "$(dirname "$0")/nginx.sh"
for _ in $(seq 50); do curl -s -o /dev/null "http://127.0.0.1:$peer/" && break; sleep 0.1; done
rate() { wrk -t2 -c16 -d3 -s "$dir/wrk$2.lua" "http://127.0.0.1:$1" | awk '/Requests\/sec/ { print $2 } /Non-2xx/ { print "errors" }' | head -1; }
for size in 4 256; do
    for round in 1 2; do
        theirs=$(rate "$peer" $size)
        ours=$(rate "$port" $size)
        awk -v s=$size -v r=$round -v a="$ours" -v b="$theirs" \
            'BEGIN { printf "raw blocks %d KiB, round %d: ours %.0f/s, nginx %.0f/s, ratio %.2f (goal 0.70)\n", s, r, a, b, a / b }'
    done
done
speed() { curl -s -o /dev/null -w '%{http_code} %{speed_download}' "$1" | awk '$1 == 200 { printf "%.0f", $2 / 1048576 }'; }
for round in 1 2; do
    plain=$(speed "http://127.0.0.1:$peer/big")
    file=$(speed "http://127.0.0.1:$port/ipfs/$big")
    car=$(speed "http://127.0.0.1:$port/ipfs/$big?format=car")
    awk -v m="$mib" -v r=$round -v p="$plain" -v f="$file" -v c="$car" \
        'BEGIN { printf "%d MiB, round %d: nginx %.0f MiB/s, file %.0f MiB/s (%.2f), CAR %.0f MiB/s (%.2f)\n", m, r, p, f, f / p, c, c / p }'
done
