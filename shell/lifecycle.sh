#!/usr/bin/env bash
# In mode `queue`, keep Auto Scaling and the worker in step. The group's lifecycle hooks make it wait for our word:
#
#   hook          the group waits until              its heartbeat timeout   without our word
#   launching     the worker is ready                900 s                   ABANDON: the machine is replaced
#   terminating   photos in hand are labelled        120 s                   CONTINUE: S3 has the photos, SQS the events
#
# A boot takes about two minutes, and a stop at most 35 s (nunchi-worker.service), so no hook needs its heartbeat renewed.
# What the group wants is in the metadata of the machine; which of the two hooks it waits in follows from that, and from
# what it was told before. A machine's way is one of these, and may begin again where it ends:
#
#   target InService                         launching, then in service
#   target Warmed:… at first                 launching, then waiting in the warm pool, stopped or not
#   target Warmed:… after service            terminating, then back in the pool
#   target Terminated or Warmed:Terminated   terminating, then gone
#
#   NUNCHI_INSTANCE, AWS_REGION   this machine, as in worker.env
#   NUNCHI_SOCKET                 the worker's Unix socket
#   RUNTIME_DIRECTORY             folder for what was told, kept until the machine stops (systemd sets it)
#   NUNCHI_POLL_S                 seconds between looks; 5 if empty
#
# Never ends by itself: whoever does not answer is asked again.
set -euo pipefail

socket=${NUNCHI_SOCKET:-/run/nunchi/worker.sock}
told=${RUNTIME_DIRECTORY:-/run/nunchi-lifecycle}/told
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

# find_group: which group this is, asked once.
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

# complete HOOK TARGET: let the group go on, and remember that it was told.
complete() {
    local answer
    find_group || return 0
    if answer=$(ask_aws complete-lifecycle-action --lifecycle-hook-name "$1" --auto-scaling-group-name "$group" \
        --instance-id "$instance" --lifecycle-action-result CONTINUE); then
        say "$group goes on: $1 is done, $2 is next"
    elif [[ $answer == *"No active Lifecycle Action"* ]] && ((++misses >= 12)); then
        # It was told before and that was forgotten, or it timed out. A minute is enough for one that had yet to begin.
        say "$group does not wait in its hook $1"
    else
        say "$group was not told that $1 is done, once more in a moment: ${answer##*$'\n'}"
        return 0
    fi
    misses=0
    echo "$1 $2" >"$told"
}

# launch TARGET: once the worker is ready, say so.
launch() {
    [[ $last != "launching $1" ]] || return 0
    # Back from a warm pool that keeps its machines running, the worker is still stopped.
    systemctl start --no-block nunchi-worker.service || say "systemd does not start the worker"
    ! worker_ready "$socket" || complete launching "$1"
}

# terminate TARGET: let the worker finish its photos, then say so.
terminate() {
    [[ $last != "terminating $1" ]] || return 0
    systemctl stop nunchi-worker.service || say "systemd does not stop the worker; its photos are found by another"
    complete terminating "$1"
}

say "watching over $instance"
while :; do
    last=$(cat "$told" 2>/dev/null || true)
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
