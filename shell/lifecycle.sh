#!/usr/bin/env bash
# In mode `queue`: complete the lifecycle hooks of the Auto Scaling group when the worker is ready, and when it has drained.
#
#   hook          the group waits until              its heartbeat timeout   after the timeout
#   launching     the worker is ready                900 s                   ABANDON: the machine is replaced
#   terminating   photos in hand are labelled        120 s                   CONTINUE: S3 has the photos, SQS the events
#
# A boot takes about two minutes, and a stop at most 35 s (nunchi-worker.service), so no hook needs its heartbeat renewed.
# The metadata of the machine holds its target state. The hook that the group waits in follows from the target and from
# the last completed hook. A machine goes through these, and may begin again:
#
#   target InService                         launching, then in service
#   target Warmed:… at first                 launching, then waiting in the warm pool, stopped or not
#   target Warmed:… after service            terminating, then back in the pool
#   target Terminated or Warmed:Terminated   terminating, then gone
#
#   NUNCHI_INSTANCE, AWS_REGION   this machine, as in worker.env
#   NUNCHI_SOCKET                 the worker's Unix socket
#   RUNTIME_DIRECTORY             folder for the last completed hook, kept until the machine stops (systemd sets it)
#   NUNCHI_POLL_S                 seconds between two checks; 5 if empty
#
# Never ends by itself: every failed call is repeated.
set -euo pipefail

socket=${NUNCHI_SOCKET:-/run/nunchi/worker.sock}
completed=${RUNTIME_DIRECTORY:-/run/nunchi-lifecycle}/told
instance=$NUNCHI_INSTANCE
group=
misses=0

# shellcheck source=shell/metadata.sh
source "$(dirname "${BASH_SOURCE[0]}")/metadata.sh"

say() {
    echo "$(date '+%F %T') lifecycle: $*"
}

ask_aws() {
    aws autoscaling "$@" --region "$AWS_REGION" --output text --cli-connect-timeout 5 --cli-read-timeout 10 2>&1
}

# find_group: look up the group's name, once.
find_group() {
    [[ -z $group ]] || return 0
    local answer
    if ! answer=$(ask_aws describe-auto-scaling-instances --instance-ids "$instance" \
        --query 'AutoScalingInstances[0].AutoScalingGroupName'); then
        say "the group of $instance is not known yet: ${answer##*$'\n'}"
        return 1
    fi
    [[ -n $answer && $answer != None ]] || return 1
    group=$answer
}

# complete HOOK TARGET: complete the hook, and remember that.
complete() {
    local answer
    find_group || return 0
    if answer=$(ask_aws complete-lifecycle-action --lifecycle-hook-name "$1" --auto-scaling-group-name "$group" \
        --instance-id "$instance" --lifecycle-action-result CONTINUE); then
        say "$group: $1 is completed, $2 is next"
    elif [[ $answer == *"No active Lifecycle Action"* ]] && ((++misses >= 12)); then
        # It was completed before a restart, or it timed out. A hook that has yet to begin does so within a minute.
        say "$group does not wait in its hook $1"
    else
        say "$group: $1 could not be completed, next try in a moment: ${answer##*$'\n'}"
        return 0
    fi
    misses=0
    echo "$1 $2" >"$completed"
}

# launch TARGET: complete `launching` once the worker is ready.
launch() {
    [[ $last != "launching $1" ]] || return 0
    # After a warm pool that keeps its machines running the worker is still stopped.
    systemctl start --no-block nunchi-worker.service || say "systemd does not start the worker"
    ! worker_ready "$socket" || complete launching "$1"
}

# terminate TARGET: stop the worker, which finishes its photos, then complete `terminating`.
terminate() {
    [[ $last != "terminating $1" ]] || return 0
    systemctl stop nunchi-worker.service || say "systemd does not stop the worker; another worker will find its photos"
    complete terminating "$1"
}

say "waits for the hooks of $instance"
while :; do
    last=$(cat "$completed" 2>/dev/null || true)
    if target=$(metadata autoscaling/target-lifecycle-state); then
        case $target in
            InService) launch "$target" ;;
            Terminated | Warmed:Terminated) terminate "$target" ;;
            Warmed:*)
                case $last in
                    "launching InService" | "terminating $target") terminate "$target" ;;
                    *) launch "$target" ;;
                esac
                ;;
        esac
    fi
    sleep "${NUNCHI_POLL_S:-5}"
done
