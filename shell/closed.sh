#!/usr/bin/env bash
# Power the machine off again if it was started on a closed day. EventBridge Scheduler starts it by the week and knows no
# holidays. Runs once at each start of the machine, before the worker; not at its first boot, so that a deployment on a
# holiday is checked as well.
#
#   NUNCHI_CLOSED_DATES       the closed days, as 2027-01-01,2027-02-07; none if empty
#   NUNCHI_ZONE               the shop's time zone, as Asia/Seoul; UTC if empty
#   NUNCHI_UPLOAD_QUEUE_URL   set in mode `queue`: nothing is done then, Auto Scaling would only start another machine
#
# Exit: always 0. An error here must not keep a shop from opening.
set -euo pipefail

zone=${NUNCHI_ZONE:-UTC}
if [[ ! -f /usr/share/zoneinfo/$zone ]]; then
    echo "closed: there is no time zone $zone, so days are counted in UTC; correct NUNCHI_ZONE" >&2
    zone=UTC
fi
today=$(TZ=$zone date +%F)

if [[ ,${NUNCHI_CLOSED_DATES:-}, != *",$today,"* ]]; then
    echo "closed: $today in $zone is not a closed day"
elif [[ -n ${NUNCHI_UPLOAD_QUEUE_URL:-} ]]; then
    echo "closed: $today in $zone is a closed day, but the Auto Scaling group decides whether this machine runs"
else
    echo "closed: $today in $zone is a closed day, the machine powers off"
    systemctl poweroff --no-block || echo "closed: the machine can't be powered off and stays on today" >&2
fi
