#!/usr/bin/env bash
# Step 3, infer: hand the tickets of a Run Command to the worker, which is there already with its model loaded.
#
#   SSM_Tickets     the tickets, put into the environment by the SSM document `Infer`; never part of a command line
#   NUNCHI_SOCKET   the worker's Unix socket
#
# Exit: 0 accepted · 2 no tickets · 3 the worker calls them malformed · 4 it is full, or not ready yet
#       5 no worker answers · 6 nothing here can speak HTTP · 7 an answer that nobody promised
# Whatever the exit, no photo is lost: the worker's sweep finds uploads without a result.
set -euo pipefail

socket=${NUNCHI_SOCKET:-/run/nunchi/worker.sock}

fail() {
    echo "infer: $2" >&2
    exit "$1"
}

# Both read the tickets from standard input and print the answer's body, a newline, and its status.
# curl's own files and proxies stay out of it: what runs as root must not be steered by them.
with_curl() {
    curl --disable --silent --show-error --noproxy '*' --connect-timeout 2 --max-time 10 --unix-socket "$socket" \
        --header 'Content-Type: text/plain' --data-binary @- --write-out '\n%{http_code}' http://worker/infer
}

with_python() {
    python3 -I -c '
import http.client, socket, sys
connection = http.client.HTTPConnection("worker", timeout=10)
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.settimeout(10)
try:
    connection.sock.connect(sys.argv[1])
    connection.request("POST", "/infer", sys.stdin.buffer.read(), {"Content-Type": "text/plain"})
    answer = connection.getresponse()
    print(answer.read().decode(errors="replace"), answer.status, sep="\n", end="")
except (OSError, http.client.HTTPException) as error:
    sys.exit(f"python3: {error}")
' "$socket"
}

[[ -n ${SSM_Tickets:-} ]] ||
    fail 2 "SSM_Tickets is empty, so there is nothing to look at; this needs SSM agent 3.3.2746.0 or newer"

if command -v curl >/dev/null; then
    post=with_curl
elif command -v python3 >/dev/null; then
    post=with_python
else
    fail 6 "neither curl nor python3 is here, so the worker can't be told"
fi

answer=$(printf '%s' "$SSM_Tickets" | "$post") ||
    fail 5 "no worker answers at $socket; it will find these photos when it starts"
status=${answer##*$'\n'}
body=${answer%$'\n'*}

case $status in
    202) echo "infer: accepted" ;;
    400) fail 3 "the worker refused the tickets as malformed: $body" ;;
    503) fail 4 "the worker takes no more just now, its sweep will find these photos: $body" ;;
    *) fail 7 "the worker at $socket answered $status, which is no answer to /infer: $body" ;;
esac
