# shellcheck shell=bash
# Sourced by boot.sh and lifecycle.sh: what the instance knows of itself, and how its worker is.
#
#   NUNCHI_IMDS   where the instance's metadata is, http://169.254.169.254 unless a test says otherwise

# Print one entry of the metadata (IMDSv2); fails when it isn't there, or nobody answers.
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
