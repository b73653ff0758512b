#!/usr/bin/env bash
# Set up a training machine, in two steps; user data runs both as root, and train.sh the second again.
#
#   boot-train.sh settings   write etc/nunchi/training.env: every NUNCHI_… of the environment, and the region
#   boot-train.sh packages   ship the log, install the packages, pinned, each with its hash: a virtual environment for
#                            retrain, another for the trainer (6 GB), whose licence differs, where a recipe needs it. It
#                            is idempotent
#
#   AWS_REGION, NUNCHI_DATASET_BUCKET, NUNCHI_WEIGHTS_BUCKET   required by `settings`
#   NUNCHI_PYTHON   the Python to build on; python3.11 if empty
#   NUNCHI_UV       an uv to install packages with; pip if empty
#   NUNCHI_HOME     folder of the code; opt/nunchi if empty
#   NUNCHI_TRAINER   no: the recipe needs no trainer (its heads are taught on a processor), and none is installed
#   NUNCHI_TRAINER_PYTHON   the Python of the trainer, written by `settings`; that of its virtual environment if empty
#   NUNCHI_PREFIX, NUNCHI_USER   another root folder and user than / and nunchi, for tests
#
# Exit: 0 done · 2 settings are missing, or the step is unknown · 3 no Python 3.11 or newer · 4 packages were not installed
set -euo pipefail
umask 022

prefix=${NUNCHI_PREFIX:-}
home=${NUNCHI_HOME:-$prefix/opt/nunchi}
etc=$prefix/etc/nunchi
logs=$prefix/var/log/nunchi
state=$prefix/var/lib/nunchi
user=${NUNCHI_USER:-nunchi}
python=${NUNCHI_PYTHON:-python3.11}

say() {
    echo "boot-train: $*"
}

fail() {
    echo "boot-train: $2" >&2
    exit "$1"
}

needs_no_trainer() {
    [[ ${NUNCHI_TRAINER:-} == no ]]
}

write_settings() {
    local name missing=
    for name in NUNCHI_DATASET_BUCKET NUNCHI_WEIGHTS_BUCKET AWS_REGION; do
        [[ -n ${!name:-} ]] || missing+=" $name"
    done
    [[ -z $missing ]] || fail 2 "not set:$missing; nothing was done. User data exports them (infra/training/training_instance.py)"
    export AWS_DEFAULT_REGION=$AWS_REGION
    needs_no_trainer || export NUNCHI_TRAINER_PYTHON=${NUNCHI_TRAINER_PYTHON:-$home/venv-trainer/bin/python}
    install -d -m 0750 "$etc"
    {
        for name in AWS_REGION AWS_DEFAULT_REGION $(compgen -e NUNCHI_ | LC_ALL=C sort); do
            case $name in
                NUNCHI_PYTHON | NUNCHI_UV | NUNCHI_PREFIX | NUNCHI_USER | NUNCHI_HOME) continue ;;
            esac
            printf '%s=%q\n' "$name" "${!name}"
        done
    } >"$etc/training.env.new"
    mv "$etc/training.env.new" "$etc/training.env"
    say "wrote $etc/training.env"
}

make_user_and_folders() {
    if ! id "$user" >/dev/null 2>&1; then
        say "adding the user $user"
        useradd --system --user-group --home-dir /var/lib/nunchi --no-create-home --shell /sbin/nologin "$user"
    fi
    install -d -m 0750 "$logs"
    install -d -m 0755 "$state"
    chmod 0755 "$home"/shell/*.sh # not every zip keeps the modes
}

ship_log() {
    local ctl=$prefix/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl
    if [[ ! -x $ctl ]]; then
        say "there is no CloudWatch agent here: the log stays in $logs"
    elif ! "$ctl" -a fetch-config -m ec2 -s -c "file:$home/shell/cloudwatch-agent-training.json" >/dev/null; then
        echo "boot-train: the CloudWatch agent did not start: the log stays in $logs" >&2
    fi
}

# install VENV REQUIREMENTS: wheels with the locked hashes; no package code runs during the installation.
install_packages() {
    local venv=$home/$1 requirements=$home/$2 wanted
    local -x TMPDIR=$state/tmp # /tmp is in memory on Amazon Linux, and torch is larger than that of a small machine
    install -d -m 0700 "$TMPDIR"
    local -a installer=("$venv/bin/python" -m pip install --disable-pip-version-check --no-input --only-binary ":all:")
    [[ -z ${NUNCHI_UV:-} ]] || installer=("$NUNCHI_UV" pip install --python "$venv/bin/python" --no-build)
    wanted=$(sha256sum <"$requirements")
    [[ -f $venv/installed && $(<"$venv/installed") == "$wanted" ]] && say "$1 is installed" && return
    say "installing $2 into $venv"
    "$python" -m venv --clear ${NUNCHI_UV:+--without-pip} "$venv" ||
        fail 4 "$python could not create a virtual environment in $venv; no training was started"
    "${installer[@]}" --quiet --require-hashes --requirement "$requirements" ||
        fail 4 "the packages of $requirements were not installed, see above; no training was started"
    echo "$wanted" >"$venv/installed"
}

case ${1:-} in
    settings) write_settings ;;
    packages)
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
            fail 3 "$python is not Python 3.11 or newer; nothing was done. Install python3.11, or name one in NUNCHI_PYTHON"
        make_user_and_folders
        exec 8>"$state/boot-train.lock"
        flock 8
        ship_log
        install_packages venv retrain/requirements.txt
        needs_no_trainer || install_packages venv-trainer retrain/trainer/requirements.txt
        say "this machine can train"
        ;;
    *) fail 2 "the step is missing or unknown, nothing was done: boot-train.sh settings, or boot-train.sh packages" ;;
esac
