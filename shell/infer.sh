#!/usr/bin/env bash
# Infer, the third step: hand the tickets of a Run Command to the resident worker, whose model is loaded already.
#
#   SSM_Tickets     the tickets, put into the environment by the SSM document `Infer`; never part of a command line
#   NUNCHI_SOCKET   the worker's Unix socket
#
# Exit: 0 accepted · 2 no tickets · 3 the worker refuses them as malformed · 4 it is full, or not ready yet
#       5 no worker answers · 6 neither curl nor python3 is installed · 7 an unexpected answer
# Whatever the exit, no photo is lost: the worker's sweep finds uploads without a result.
set -euo pipefail

socket=${NUNCHI_SOCKET:-/run/nunchi/worker.sock}

fail() {
    echo "infer: $2" >&2
    exit "$1"
}

# Both read the tickets from standard input and print the answer's body, a newline, and its status.
# Without curl's configuration and proxies: they must not steer a program that runs as root.
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
    fail 2 "SSM_Tickets is empty, so no photo was handed over; this needs SSM agent 3.3.2746.0 or newer"

if command -v curl >/dev/null; then
    post=with_curl
elif command -v python3 >/dev/null; then
    post=with_python
else
    fail 6 "neither curl nor python3 is installed, so no photo was handed over; install curl"
fi

answer=$(printf '%s' "$SSM_Tickets" | "$post") ||
    fail 5 "no worker answers at $socket; it will find these photos when it starts"
status=${answer##*$'\n'}
body=${answer%$'\n'*}

case $status in
    202) echo "infer: accepted" ;;
    400) fail 3 "the worker refused the tickets as malformed: $body" ;;
    503) fail 4 "the worker is full or not ready, its sweep will find these photos: $body" ;;
    *) fail 7 "the worker at $socket answered $status, which is unexpected for /infer: $body" ;;
esac
