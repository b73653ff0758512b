"""The code of an instance: an asset of the repository's folders, and how user data downloads and unpacks it."""

from __future__ import annotations

from typing import Final

from aws_cdk import IgnoreMode
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from config.nunchi_toml import ROOT
from infra.nag import acknowledge_wildcards
from infra.statements import allow

PYTHON: Final = "python3.11"  # AL2023's package, and the default of shell/boot.sh and boot-train.sh

# The rights of a new role reach every part of IAM within seconds, and package servers have bad minutes.
_AGAIN: Final = (
    'again() { for pause in 5 10 20 40 60; do "$@" && return; echo "failed, again in $pause s: $*" >&2; '
    'sleep "$pause"; done; "$@"; }'
)


class Code(assets.Asset):
    """Folders of the repository. Its hash is in the user data, so new code is a new instance."""

    def __init__(self, scope: Construct, id: str, *folders: str) -> None:
        patterns = ["/*", *(f"!/{folder}/" for folder in folders), "__pycache__/"]  # as in .gitignore, hence the mode
        super().__init__(scope, id, path=str(ROOT), ignore_mode=IgnoreMode.GIT, exclude=patterns)

    def install_to(self, folder: str, *packages: str) -> list[str]:
        """Commands that install packages and unpack the code into a folder of the instance."""
        return [
            _AGAIN,
            f"again dnf install --assumeyes --quiet {' '.join(packages)}",
            f"again aws s3 cp --only-show-errors s3://{self.s3_bucket_name}/{self.s3_object_key} /tmp/nunchi.zip",
            "umask 022",
            f"install -d -m 0755 {folder}",
            f"unzip -q -o /tmp/nunchi.zip -d {folder}",
            "rm /tmp/nunchi.zip",
        ]


class MayBoot(iam.ManagedPolicy):
    """What an instance's boot needs beyond the rights of its program: fetch the code, write logs, and `also`."""

    def __init__(
        self,
        scope: Construct,
        *,
        description: str,
        role: iam.IRole,
        code: Code,
        log_groups: list[logs.ILogGroup],
        streams: str,
        also: tuple[iam.PolicyStatement, ...] = (),
    ) -> None:
        groups = [group.log_group_arn for group in log_groups]
        write_logs = allow("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents", on=groups)
        fetch = allow("s3:GetObject", on=code.bucket.arn_for_objects(code.s3_object_key))
        statements = [fetch, *also, write_logs]
        super().__init__(scope, "MayBoot", description=description, roles=[role], statements=statements)
        acknowledge_wildcards(self, *groups, reason=streams)
