#!/bin/bash
# Starts the browser again when the agent answers, but has heard nothing of the page: a tab that crashed or hangs.
# An agent that does not answer is systemd's to restart, and no reason to touch the browser: the cart is in it.
set -euo pipefail

url=${1:-http://127.0.0.1:8080}
health=$(curl --silent --fail --max-time 5 "$url/api/health") || exit 0
if [[ $health == *'"page":"silent"'* ]]; then
    echo "the page gives no sign of life: starting the browser again"
    systemctl restart nunchi-screen.service
fi
