#!/usr/bin/env bash
# Set up the worker on a new instance. User data unpacks the code asset to /opt/nunchi, exports these variables, and runs
# this as root. It is idempotent: a second run does only what is missing.
#
#   NUNCHI_IMAGES_BUCKET, NUNCHI_DATASET_BUCKET   required: the worker's buckets
#   NUNCHI_ENROL_FUNCTION   required: name of the Lambda function that issues this machine's certificate
#   AWS_REGION              required
#   NUNCHI_UPLOAD_QUEUE_URL   in mode `queue`: starts lifecycle.sh too, and reports a failed boot to Auto Scaling
#   NUNCHI_SOCKET, NUNCHI_STATE_DIR, NUNCHI_EMF_FILE, NUNCHI_MQTT_CA   the worker's; if empty, paths of this machine
#   NUNCHI_…                every other setting of the worker (docs/settings.md) and of closed.sh. All of these, and what
#                           boot.sh adds, become the worker's environment, /etc/nunchi/worker.env
#   NUNCHI_INSTANCE         this machine's id; if empty, from the metadata service (NUNCHI_IMDS: see metadata.sh)
#   NUNCHI_STACK, NUNCHI_RESOURCE   where the result is reported: a CloudFormation stack, and the resource's logical id
#   NUNCHI_PATIENCE_S       seconds to wait for a certificate, and then for a worker that is ready; 300 if empty
#   NUNCHI_PYTHON           the Python to build on; python3.11 if empty
#   NUNCHI_UV               an uv to install packages with; pip if empty
#   NUNCHI_PREFIX, NUNCHI_USER   another root folder and user than / and nunchi, for tests
#
# Exit: 0 the worker is ready · 2 settings are missing · 3 no Python 3.11 or newer · 4 packages were not installed
#       5 enrolment was refused · 6 the enrolment function did not answer · 7 the worker did not become ready
#       another number: the exit status of the command that failed
set -euo pipefail
umask 022

prefix=${NUNCHI_PREFIX:-}
home=$prefix/opt/nunchi
etc=$prefix/etc/nunchi
logs=$prefix/var/log/nunchi
units=$prefix/etc/systemd/system
user=${NUNCHI_USER:-nunchi}
python=${NUNCHI_PYTHON:-python3.11}
patience=${NUNCHI_PATIENCE_S:-300}
socket=${NUNCHI_SOCKET:-$prefix/run/nunchi/worker.sock}
reason="boot.sh was interrupted"
changed=

# shellcheck source=shell/metadata.sh
source "$(dirname "${BASH_SOURCE[0]}")/metadata.sh"

say() {
    echo "boot: $*"
}

fail() {
    reason=$2
    echo "boot: $2" >&2
    exit "$1"
}

# Every end is reported to CloudFormation: it waits for the signal, and rolls a failed boot back.
signal_stack() {
    [[ -z ${NUNCHI_STACK:-} ]] ||
        "$prefix/opt/aws/bin/cfn-signal" --exit-code "$1" --reason "${reason:0:1000}" \
            --stack "$NUNCHI_STACK" --resource "${NUNCHI_RESOURCE:-}" --region "${AWS_REGION:-}" ||
        echo "boot: the signal to CloudFormation failed; if the stack waits for it, it waits until its timeout" >&2
}

# In mode `queue` a group waits in its hook `launching` until lifecycle.sh reports the worker ready. ABANDON replaces a
# failed machine at once, and rolls a bad release back in minutes.
abandon_launch() {
    [[ $1 != 0 && -n ${NUNCHI_UPLOAD_QUEUE_URL:-} && -n ${instance:-} ]] || return 0
    local group
    local -a ask=(aws autoscaling --region "$AWS_REGION" --output text --cli-connect-timeout 5 --cli-read-timeout 10)
    group=$("${ask[@]}" describe-auto-scaling-instances --instance-ids "$instance" \
        --query 'AutoScalingInstances[0].AutoScalingGroupName') &&
        "${ask[@]}" complete-lifecycle-action --lifecycle-hook-name launching --auto-scaling-group-name "$group" \
            --instance-id "$instance" --lifecycle-action-result ABANDON ||
        echo "boot: the report to Auto Scaling failed; if the group waits for this machine, it waits until its timeout" >&2
}

ended() {
    signal_stack "$1"
    abandon_launch "$1"
}
trap 'ended $?' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM # without this a signal would leave the status of the last command

# put MODE FILE GROUP: write standard input to the file, unless it is the same already.
put() {
    local new
    new=$(mktemp "$2.XXXXXX")
    cat >"$new"
    chgrp "$3" "$new"
    chmod "$1" "$new"
    if cmp --silent "$new" "$2"; then
        rm "$new"
    else
        mv "$new" "$2"
        changed=yes
        say "wrote $2"
    fi
}

check_settings() {
    local name missing=
    for name in NUNCHI_IMAGES_BUCKET NUNCHI_DATASET_BUCKET NUNCHI_ENROL_FUNCTION AWS_REGION; do
        [[ -n ${!name:-} ]] || missing+=" $name"
    done
    [[ -z $missing ]] || fail 2 "not set:$missing; nothing was done. User data exports them (infra/compute/boot.py)"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        fail 3 "$python is not Python 3.11 or newer; nothing was done. Install python3.11, or name one in NUNCHI_PYTHON"
    instance=${NUNCHI_INSTANCE:-$(metadata instance-id)} ||
        fail 2 "the metadata service gives no instance id; nothing was done. Set NUNCHI_INSTANCE"
}

make_user_and_folders() {
    if ! id "$user" >/dev/null 2>&1; then
        say "adding the user $user"
        useradd --system --user-group --home-dir /var/lib/nunchi --no-create-home --shell /sbin/nologin "$user"
    fi
    group=$(id -gn "$user")
    install -d -m 0755 "$units" "$prefix/etc/logrotate.d"
    install -d -m 0750 -g "$group" "$etc" "$logs"
    chmod 0755 "$home"/shell/*.sh # not every zip keeps the modes
    [[ -e $logs/worker.log ]] || install -m 0640 -g "$group" /dev/null "$logs/worker.log"
    [[ -e $logs/metrics.log ]] || install -m 0640 -o "$user" -g "$group" /dev/null "$logs/metrics.log"
}

# Before the slow steps, so that the log of a failed boot is in CloudWatch.
ship_logs() {
    local ctl=$prefix/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl config=$etc/cloudwatch-agent.json
    put 0644 "$prefix/etc/logrotate.d/nunchi" "$(id -gn)" <"$home/shell/logrotate.conf"
    changed=
    put 0644 "$config" "$(id -gn)" <"$home/shell/cloudwatch-agent.json"
    if [[ ! -x $ctl ]]; then
        say "there is no CloudWatch agent here: logs and metrics stay in $logs"
    elif [[ -n $changed ]] && ! "$ctl" -a fetch-config -m ec2 -s -c "file:$config" >/dev/null; then
        rm "$config" # the next run tries again
        echo "boot: the CloudWatch agent did not start: logs and metrics stay in $logs" >&2
    fi
    changed=
}

is_enrolled() {
    [[ -f $etc/enrolled && $(head -n 1 "$etc/enrolled") == "$instance" ]] &&
        openssl x509 -in "$etc/worker.cert.pem" -noout -checkend 0 >/dev/null 2>&1 && keys_match ""
}

# Whether the certificate belongs to the key; $1 is the suffix of both files.
keys_match() {
    local of_key of_certificate
    of_key=$(openssl pkey -in "$etc/worker.key.pem$1" -pubout 2>/dev/null) &&
        of_certificate=$(openssl x509 -in "$etc/worker.cert.pem$1" -noout -pubkey 2>/dev/null) &&
        [[ $of_key == "$of_certificate" ]]
}

# One attempt, with a new key: a copy of an enrolled machine must not share its key. The old pair stays until the new one
# is complete. Sets `why`, and returns its exit code.
enrol() {
    local key=$etc/worker.key.pem csr answer=$work/answer.json status=0
    why="openssl could not create a key"
    (umask 077 && openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$key.new") || return 6
    csr=$(openssl req -new -key "$key.new" -subj "/CN=$instance") || return 6
    printf '{"instance_id": "%s", "csr": "%s\\n"}' "$instance" "${csr//$'\n'/\\n}" >"$work/request.json"
    AWS_MAX_ATTEMPTS=1 aws lambda invoke --region "$AWS_REGION" --function-name "$NUNCHI_ENROL_FUNCTION" \
        --payload "fileb://$work/request.json" --cli-connect-timeout 5 --cli-read-timeout 90 --output json "$answer" \
        >"$work/invoked.json" 2>"$work/error" || { why=$(tail -n 1 "$work/error") && return 6; }
    why=$("$python" -I -c '
import json, sys
from pathlib import Path
invoked, answer = (json.loads(Path(path).read_text()) for path in sys.argv[1:3])
if "FunctionError" in invoked:
    print(answer.get("errorMessage", answer))
    sys.exit(6)
if "refused" in answer:
    print(answer["refused"])
    sys.exit(5)
Path(sys.argv[3]).write_text(answer["certificate_pem"])
Path(sys.argv[4]).write_text(answer["mqtt_host"])
' "$work/invoked.json" "$answer" "$etc/worker.cert.pem.new" "$work/host" 2>&1) || status=$?
    case $status in
        0) ;;
        5 | 6) return "$status" ;;
        *) why="its answer is invalid: ${why##*$'\n'}" && return 6 ;;
    esac
    why="its certificate does not belong to the key of this machine"
    keys_match .new || return 6
    why="$etc can't be written"
    chown "$user:$group" "$key.new" "$etc/worker.cert.pem.new" || return 6
    mv "$key.new" "$key" || return 6
    mv "$etc/worker.cert.pem.new" "$etc/worker.cert.pem" || return 6
    printf '%s\n' "$instance" "$(<"$work/host")" >"$etc/enrolled" || return 6
}

# At a first boot the role, the function and the tag may be seconds younger than this machine: every failure is retried.
be_enrolled() {
    local pause=1 status work why deadline=$((SECONDS + patience))
    is_enrolled && say "$instance has its certificate" && return
    work=$(mktemp -d)
    until
        status=0
        enrol || status=$?
        ((status == 0))
    do
        say "no certificate yet: $why"
        if ((SECONDS + pause >= deadline)); then
            rm -rf "$work" "$etc"/*.new
            [[ $status == 5 ]] && fail 5 "$NUNCHI_ENROL_FUNCTION refuses $instance a certificate: $why"
            fail 6 "$NUNCHI_ENROL_FUNCTION issued no certificate for $instance: $why"
        fi
        sleep "$pause"
        pause=$((pause < 16 ? 2 * pause : 16))
    done
    rm -rf "$work"
    changed=yes
    say "$instance is enrolled"
}

# Wheels with the locked hashes; no package code runs during the installation. Compiled now, as the worker may not write
# here.
install_packages() {
    local venv=$home/venv requirements=$home/worker/requirements.txt wanted
    local -a installer=("$venv/bin/python" -m pip install --disable-pip-version-check --no-input --only-binary ":all:")
    [[ -z ${NUNCHI_UV:-} ]] ||
        installer=("$NUNCHI_UV" pip install --python "$venv/bin/python" --compile-bytecode --no-build)
    wanted=$(sha256sum <"$requirements")
    [[ -f $venv/installed && $(<"$venv/installed") == "$wanted" ]] && say "packages are installed" && return
    say "installing packages into $venv"
    "$python" -m venv --clear ${NUNCHI_UV:+--without-pip} "$venv" ||
        fail 4 "$python could not create a virtual environment in $venv; the worker was not started"
    "${installer[@]}" --quiet --require-hashes --requirement "$requirements" ||
        fail 4 "the packages of $requirements were not installed, see above; the worker was not started"
    "$venv/bin/python" -m compileall -q "$home/contracts" "$home/imaging" "$home/mqtt" "$home/recipes" "$home/worker"
    echo "$wanted" >"$venv/installed"
    changed=yes
}

# The worker's environment file: the given variables except those of boot.sh, and those that boot.sh adds.
print_settings() {
    local name value
    export NUNCHI_INSTANCE=$instance NUNCHI_SOCKET=$socket AWS_DEFAULT_REGION=$AWS_REGION
    NUNCHI_MQTT_HOST=$(tail -n 1 "$etc/enrolled")
    export NUNCHI_MQTT_HOST NUNCHI_MQTT_CERT=$etc/worker.cert.pem NUNCHI_MQTT_KEY=$etc/worker.key.pem
    export NUNCHI_MQTT_CA=${NUNCHI_MQTT_CA:-/etc/pki/tls/certs/ca-bundle.crt} # holds Amazon Root CA 1
    export NUNCHI_STATE_DIR=${NUNCHI_STATE_DIR:-$prefix/var/lib/nunchi}
    export NUNCHI_EMF_FILE=${NUNCHI_EMF_FILE:-$logs/metrics.log}
    for name in AWS_REGION AWS_DEFAULT_REGION $(compgen -e NUNCHI_ | LC_ALL=C sort); do
        case $name in
            NUNCHI_ENROL_FUNCTION | NUNCHI_STACK | NUNCHI_RESOURCE | NUNCHI_PATIENCE_S) continue ;;
            NUNCHI_PYTHON | NUNCHI_UV | NUNCHI_PREFIX | NUNCHI_USER) continue ;;
        esac
        value=${!name//\\/\\\\}
        printf '%s="%s"\n' "$name" "${value//\"/\\\"}"
    done
}

start_services() {
    local unit how=start
    local -a services=(nunchi-worker.service)
    [[ -z ${NUNCHI_UPLOAD_QUEUE_URL:-} ]] || services+=(nunchi-lifecycle.service) # mode `queue`
    put 0640 "$etc/worker.env" "$group" < <(print_settings)
    for unit in nunchi-worker nunchi-lifecycle nunchi-closed; do
        put 0644 "$units/$unit.service" "$(id -gn)" <"$home/shell/$unit.service"
    done
    [[ -z $changed ]] || { systemctl daemon-reload && how=restart; }
    systemctl enable --quiet nunchi-closed.service "${services[@]}" # nunchi-closed runs at the next start of the machine
    systemctl "$how" --no-block "${services[@]}"
}

wait_until_ready() {
    local deadline=$((SECONDS + patience))
    until worker_ready "$socket"; do
        if ((SECONDS >= deadline)); then
            tail -n 20 "$logs/worker.log" >&2
            fail 7 "the worker was not ready within $patience s; systemd keeps trying to start it. The end of its log is above"
        fi
        sleep 0.5
    done
    say "the worker is ready at $socket"
}

check_settings
say "setting up the worker on $instance"
make_user_and_folders
ship_logs
be_enrolled
install_packages
start_services
wait_until_ready
reason="the worker is ready"
