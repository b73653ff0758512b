#!/usr/bin/env bash
# Power the machine off again if it was started for openings on closed dates only. EventBridge Scheduler starts it by the
# week and knows no holidays. Runs once at each start of the machine, before the worker; not at its first boot, so that a
# deployment on a holiday is checked as well.
#
#   NUNCHI_CLOSED             the spans in which the machine is not needed, as from/to,from/to in UTC to the minute:
#                             2027-02-06T14:50Z/2027-02-07T03:05Z; none if empty. config/opening_hours.py knows how dates,
#                             openings, time zones and daylight saving time become these spans
#   NUNCHI_UPLOAD_QUEUE_URL   set in mode `queue`: nothing is done then, Auto Scaling would only start another machine
#
# Exit: always 0. An error here must not keep a shop from opening.
set -euo pipefail
LC_ALL=C # texts of this form are in the order of the times that they name

form='^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}Z$'
now=$(date -u +%Y-%m-%dT%H:%MZ)
closed=
IFS=, read -r -a spans <<<"${NUNCHI_CLOSED:-}"
for span in "${spans[@]}"; do
    from=${span%%/*} to=${span#*/}
    if [[ $span != */* || ! $from =~ $form || ! $to =~ $form ]]; then
        echo "closed: $span is not a span of time, so it is ignored; correct NUNCHI_CLOSED" >&2
    elif [[ ! $now < $from && $now < $to ]]; then
        closed="from $from to $to"
    fi
done

if [[ -z $closed ]]; then
    echo "closed: no holiday at $now"
elif [[ -n ${NUNCHI_UPLOAD_QUEUE_URL:-} ]]; then
    echo "closed: a holiday $closed, but the Auto Scaling group decides whether this machine runs"
else
    echo "closed: a holiday $closed, the machine powers off"
    systemctl poweroff --no-block || echo "closed: the machine can't be powered off and stays on today" >&2
fi
