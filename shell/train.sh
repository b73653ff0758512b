#!/usr/bin/env bash
# Step 7, retrain: run one training on this machine, and power the machine off, however that ends.
#
#   SSM_Training, SSM_LeastNewLabels, SSM_LimitSeconds   put into the environment by the SSM document `Train`;
#                    LeastNewLabels counts label files, as the state machine did before it started this machine
#   NUNCHI_HOME      the code; /opt/nunchi if empty
#   NUNCHI_PREFIX    another root folder than /, to try it out
#   NUNCHI_USER      who the training runs as; nunchi if empty
#   NUNCHI_IMDS      see metadata.sh
#   NUNCHI_POLL_S    seconds between looks for a Spot notice; 5 if empty
#
# etc/nunchi/training.env, written by boot-train.sh, holds the settings of the training, and may hold
#   NUNCHI_WORK_DIR  where the training works; var/lib/nunchi/training if empty
#   NUNCHI_LEAST_NEW_PEOPLE   with fewer people in new photos it is skipped; if empty 1, or 0 if no label file was asked for
#   NUNCHI_RETRAIN   the program instead of `python -m retrain`, as words for the shell; nothing is installed then
#
# Exit: 0 decided · 75 interrupted: call again with the same training, and it goes on · 2 parameters or settings are
#       missing · 4 packages were not installed · 6 a training runs here already · 124 it took longer than its limit
#       any other: what the training ended with
# But for 6, the machine powers off a minute later: long enough for the status to be told, and its end is termination.
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
    shutdown -h +1 >/dev/null 2>&1 9>&- || shutdown -h now 9>&- || echo "train: it can't be powered off; its lease will do it" >&2
    exit "$status"
}

# While it trains: AWS says two minutes ahead that it takes a Spot machine back. Not at once: what is only being started
# would not hear the signal. Ends with the training, or with a notice.
watch_for_notice() {
    while sleep "${NUNCHI_POLL_S:-5}" && kill -0 "$1" 2>/dev/null; do
        if metadata spot/instance-action >/dev/null 2>&1; then
            say "AWS takes this machine back; the training keeps its checkpoint and ends"
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
# Enough label files came, or this machine would not run. People are counted otherwise, without duplicates and what the
# caps leave out: the same number would send a GPU away for nothing. Only with nobody new there is nothing to learn.
people=1
[[ ! $least =~ ^0+$ ]] || people=0
export NUNCHI_TRAINING=$id NUNCHI_WORK_DIR=${NUNCHI_WORK_DIR:-$state/training}
export NUNCHI_LEAST_NEW_PEOPLE=${NUNCHI_LEAST_NEW_PEOPLE:-$people}
mkdir -p "$NUNCHI_WORK_DIR"

# A service of user data's may still be installing: boot-train.sh waits for its turn, and does nothing twice.
[[ -n ${NUNCHI_RETRAIN:-} ]] || "$home/shell/boot-train.sh" packages || exit 4
program=${NUNCHI_RETRAIN:-"'$home/venv/bin/python' -m retrain"}
declare -a command
eval "command=($program)" # as words for the shell; it is root's own file that says so
if [[ $(id -u) == 0 ]] && id "$user" >/dev/null 2>&1; then
    install -d -m 0750 -o "$user" -g "$(id -gn "$user")" "$NUNCHI_WORK_DIR"
    # It reads pictures of strangers. Not by runuser, which stays as a parent and kills two seconds after a signal: too
    # soon for a checkpoint.
    command=(setpriv --reuid "$user" --regid "$(id -gn "$user")" --init-groups -- "${command[@]}")
    export HOME=$NUNCHI_WORK_DIR # root's is closed to it
fi

notice=$state/spot-notice
rm -f "$notice"
log=$logs/training.log
say "$id begins, for $limit s at most; its log is $log"
cd "$home"
# In the foreground: the training alone is told to end, and ends what it started itself.
timeout --foreground --signal=TERM --kill-after=60 "$limit" "${command[@]}" >>"$log" 2>&1 9>&- &
training=$!
# It must hold on neither to the lock nor to the output, for which Run Command waits.
watch_for_notice "$training" >>"$log" 2>&1 9>&- &
watcher=$!
status=0
wait "$training" || status=$?
training=
[[ ! -e $notice || $status == 0 ]] || status=75
tail -n 40 "$log" >&2 || true
[[ $status != 124 ]] || echo "train: it took longer than $limit s and was ended" >&2
exit "$status"
