#!/usr/bin/env bash
# Retrain, the seventh step: run one training on this machine, and power the machine off, whatever the result.
#
#   SSM_Training, SSM_LeastNewLabels, SSM_LimitSeconds   put into the environment by the SSM document `Train`;
#                    LeastNewLabels counts label files, as the state machine did before it started this machine
#   NUNCHI_HOME      the code; /opt/nunchi if empty
#   NUNCHI_PREFIX    another root folder than /, for tests
#   NUNCHI_USER      the user that the training runs as; nunchi if empty
#   NUNCHI_IMDS      see metadata.sh
#   NUNCHI_POLL_S    seconds between two checks for a Spot notice; 5 if empty
#
# etc/nunchi/training.env, written by boot-train.sh, holds the settings of the training, and may hold
#   NUNCHI_WORK_DIR  the training's folder; var/lib/nunchi/training if empty
#   NUNCHI_LEAST_NEW_PEOPLE   with fewer people in new photos it is skipped; if empty 1, or 0 if no label file was asked for
#   NUNCHI_RETRAIN   the program instead of `python -m retrain`, as words for the shell; nothing is installed then
#
# Exit: 0 decided · 75 interrupted: called again with the same training, it resumes · 2 parameters or settings are
#       missing · 4 packages were not installed · 6 a training runs here already · 124 it took longer than its limit
#       any other: the training's own exit status
# Except after 6 the machine powers off a minute later: by then the status is reported. Powering off terminates it.
set -euo pipefail

prefix=${NUNCHI_PREFIX:-}
home=${NUNCHI_HOME:-$prefix/opt/nunchi}
etc=$prefix/etc/nunchi
logs=$prefix/var/log/nunchi
state=$prefix/var/lib/nunchi
user=${NUNCHI_USER:-nunchi}

# shellcheck source=shell/metadata.sh
source "$(dirname "${BASH_SOURCE[0]}")/metadata.sh"

say() {
    echo "train: $*"
}

fail() {
    echo "train: $2" >&2
    exit "$1"
}

# shellcheck disable=SC2329 # the trap's
leave() {
    local status=$?
    trap - EXIT
    [[ -z ${watcher:-} ]] || kill "$watcher" 2>/dev/null || true
    [[ -z ${training:-} ]] || kill -TERM "$training" 2>/dev/null || true
    say "status $status; the machine powers off in a minute"
    shutdown -h +1 >/dev/null 2>&1 9>&- || shutdown -h now 9>&- || echo "train: the machine can't be powered off; its lease will end it" >&2
    exit "$status"
}

# During the training: AWS announces two minutes ahead that it reclaims a Spot machine. It sleeps first, as a program that
# is just starting would miss the signal. Ends with the training, or with a notice.
watch_for_notice() {
    while sleep "${NUNCHI_POLL_S:-5}" && kill -0 "$1" 2>/dev/null; do
        if metadata spot/instance-action >/dev/null 2>&1; then
            say "AWS reclaims this machine; the training keeps its checkpoint and ends"
            touch "$notice"
            kill -TERM "$1" 2>/dev/null || true
            return
        fi
    done
}

mkdir -p "$state" "$logs"
exec 9>"$state/train.lock"
flock --nonblock 9 || fail 6 "a training runs here already; this command changes nothing"
trap leave EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

id=${SSM_Training:-} least=${SSM_LeastNewLabels:-} limit=${SSM_LimitSeconds:-}
[[ -n $id && -n $least && -n $limit ]] ||
    fail 2 "SSM_Training, SSM_LeastNewLabels or SSM_LimitSeconds is empty; this needs SSM agent 3.3.2746.0 or newer"
[[ -r $etc/training.env ]] || fail 2 "there is no $etc/training.env; boot-train.sh writes it"
set -a
# shellcheck disable=SC1091
source "$etc/training.env"
set +a
# Enough label files came, or this machine would not run. People are counted without duplicates and without those beyond
# the caps, so the same minimum would end the run for nothing. Only a run without any new person is skipped.
people=1
[[ ! $least =~ ^0+$ ]] || people=0
export NUNCHI_TRAINING=$id NUNCHI_WORK_DIR=${NUNCHI_WORK_DIR:-$state/training}
export NUNCHI_LEAST_NEW_PEOPLE=${NUNCHI_LEAST_NEW_PEOPLE:-$people}
mkdir -p "$NUNCHI_WORK_DIR"

# User data may still be installing: boot-train.sh waits for its lock, and is idempotent.
[[ -n ${NUNCHI_RETRAIN:-} ]] || "$home/shell/boot-train.sh" packages || exit 4
program=${NUNCHI_RETRAIN:-"'$home/venv/bin/python' -m retrain"}
declare -a command
eval "command=($program)" # as words for the shell; only root can write that file
if [[ $(id -u) == 0 ]] && id "$user" >/dev/null 2>&1; then
    install -d -m 0750 -o "$user" -g "$(id -gn "$user")" "$NUNCHI_WORK_DIR"
    # Unprivileged, as it reads untrusted pictures. Not by runuser, which stays as a parent and kills two seconds after a
    # signal: too soon for a checkpoint.
    command=(setpriv --reuid "$user" --regid "$(id -gn "$user")" --init-groups -- "${command[@]}")
    export HOME=$NUNCHI_WORK_DIR # it can't read root's
fi

notice=$state/spot-notice
rm -f "$notice"
log=$logs/training.log
say "$id begins, for $limit s at most; its log is $log"
cd "$home"
# In the foreground: only the training gets the signal, and it ends its own children.
timeout --foreground --signal=TERM --kill-after=60 "$limit" "${command[@]}" >>"$log" 2>&1 9>&- &
training=$!
# It must hold neither the lock nor the output, for which Run Command waits.
watch_for_notice "$training" >>"$log" 2>&1 9>&- &
watcher=$!
status=0
wait "$training" || status=$?
training=
[[ ! -e $notice || $status == 0 ]] || status=75
tail -n 40 "$log" >&2 || true
[[ $status != 124 ]] || echo "train: the training took longer than $limit s and was ended" >&2
exit "$status"
