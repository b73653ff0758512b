# shellcheck shell=bash
# Sourced by boot.sh, lifecycle.sh and train.sh: the instance's metadata, and the worker's readiness.
#
#   NUNCHI_IMDS   address of the metadata service; http://169.254.169.254 if empty

# Print one entry of the metadata (IMDSv2); fails when it is missing, or the service does not answer.
metadata() {
    local imds=${NUNCHI_IMDS:-http://169.254.169.254} token
    local -a ask=(curl --disable --silent --fail --noproxy '*' --connect-timeout 2 --max-time 5)
    token=$("${ask[@]}" --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$imds/latest/api/token") &&
        "${ask[@]}" --header "X-aws-ec2-metadata-token: $token" "$imds/latest/meta-data/$1"
}

# Whether the worker at this socket takes photos.
worker_ready() {
    curl --disable --silent --fail --noproxy '*' --connect-timeout 2 --max-time 5 --output /dev/null \
        --unix-socket "$1" http://worker/ready
}
