"""What must hold of every stack, in either mode, with and without the operator's own key."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.infra.assembly import Template, shared
from tests.infra.authorization import grants, is_on, resource_types, resources, spelled

EVERYTHING = "*"
MOST_DAYS_OF_A_LOG = 90
# The SSM agent's report of itself could be limited to the account's instances, all of them: that is no limit. The one
# instance that takes the role is not known before it is there.
NO_LIMIT = {"ssm:UpdateInstanceInformation"}
# The CDK's own functions, and what CloudFormation runs at deployment.
OF_THE_CDK = re.compile("CustomResource|BucketNotificationsHandler")
BUCKETS = {"ImagesBucket", "DatasetBucket", "WeightsBucket"}


@pytest.fixture(scope="session")
def own_key_assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that synthesis wrote for mode `queue` with `kms = true`."""
    return shared(tmp_path_factory, "queue and key")


@pytest.fixture(params=["assembly", "queue_assembly", "own_key_assembly"])
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def templates(folder: Path) -> list[Template]:
    return [Template(path) for path in sorted(folder.glob("*.template.json"))]


def test_no_finding_of_the_rule_packs_is_left_unexplained(folder: Path) -> None:
    """cdk-nag's AwsSolutions and Serverless packs; and every explanation is a sentence."""
    reports = json.loads((folder / "validation-report.json").read_text())["pluginReports"]
    assert {report["pluginName"]: (report["conclusion"], report["violations"]) for report in reports} == {
        "AwsSolutions": ("success", []),
        "Serverless": ("success", []),
    }
    reasons = {one["reason"] for report in reports for one in report["suppressedViolations"]}
    assert [reason for reason in reasons if not re.fullmatch(r"[A-Z].{30,}\.", reason)] == []


def test_the_templates_of_the_operators_own_key_follow_cloudformations_schemas(own_key_assembly: Path) -> None:
    """Key and bucket must not need each other first, for one. W3005, a dependency said twice, is how the CDK writes."""
    names = sorted(map(str, own_key_assembly.glob("*.template.json")))
    linter = [str(Path(sys.executable).with_name("cfn-lint")), "--ignore-checks", "W3005", "--", *names]
    answer = subprocess.run(linter, capture_output=True, text=True, check=False, timeout=300)
    assert (answer.returncode, answer.stdout) == (0, "")


def test_no_role_is_allowed_a_family_of_actions(templates: list[Template]) -> None:
    """Each action is named in full, and is one that AWS has."""
    actions = {action for _, action, _ in grants(templates)}
    assert [action for action in sorted(actions) if "*" in action] == []
    assert all(isinstance(resource_types(action), list) for action in actions)


def test_what_can_be_limited_to_a_resource_is(templates: list[Template]) -> None:
    """`*` stands only where AWS knows no resource to name."""
    unlimited = {action for _, action, arns in grants(templates) if EVERYTHING in arns}
    assert {action for action in unlimited if resource_types(action)} <= NO_LIMIT


def test_what_can_not_be_limited_to_a_resource_is_not_limited(templates: list[Template]) -> None:
    """A limit that AWS does not know makes a right that nobody has."""
    limited = {(name, action) for name, action, arns in grants(templates) if EVERYTHING not in arns}
    assert sorted((name, action) for name, action in limited if not resource_types(action)) == []


def test_every_right_is_on_a_resource_of_the_kind_that_aws_checks_it_on(templates: list[Template]) -> None:
    """Else it would be no right either. What another stack exports has no form here, and passes.

    AWS checks the attaching of a certificate on the certificate, the local cloud on the thing: a role needs both.
    """
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name, action, arns in grants(templates):
        found[name, action].update(arns)
    wrong = [
        (name, action, sorted(arns))
        for (name, action), arns in sorted(found.items())
        if not any(arn == EVERYTHING or arn.startswith("<") or is_on(action, arn) for arn in arns)
    ]
    assert wrong == []


def test_no_role_is_let_to_anybody_but_a_service_of_aws(templates: list[Template]) -> None:
    """No account, no user, no `*` may take a role."""
    principals = {
        (name, json.dumps(statement["Principal"]))
        for _, name, role in resources(templates, "AWS::IAM::Role")
        for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    }
    assert [
        (name, principal)
        for name, principal in sorted(principals)
        if not re.fullmatch(r'\{"Service": "[a-z0-9.-]+\.amazonaws\.com"\}', principal)
    ] == []


def test_a_devices_only_wildcard_is_the_kiosk_that_a_label_is_for(templates: list[Template]) -> None:
    """Everything else is under the device's own name."""
    arns = [
        spelled(template, statement["Resource"])
        for template, _, policy in resources(templates, "AWS::IoT::Policy")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
    assert [arn.rpartition(":topic/")[2] for arn in arns if "*" in arn] == ["nunchi/*/label"]


def test_nobody_is_given_a_key_that_does_not_expire(templates: list[Template]) -> None:
    """No users, no access keys."""
    assert [
        name
        for type_ in ("AWS::IAM::User", "AWS::IAM::AccessKey", "AWS::IAM::Group")
        for _, name, _ in resources(templates, type_)
    ] == []


def test_every_bucket_is_encrypted_private_and_refuses_the_clear_and_other_accounts(templates: list[Template]) -> None:
    """The access log's bucket, too."""
    buckets = resources(templates, "AWS::S3::Bucket")
    assert len(buckets) == 4
    for template, name, bucket in buckets:
        properties = bucket["Properties"]
        [rule] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in ("AES256", "aws:kms")
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(properties["PublicAccessBlockConfiguration"]) == 4
        assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
        [policy] = [
            one["Properties"]["PolicyDocument"]
            for _, _, one in resources([template], "AWS::S3::BucketPolicy")
            if one["Properties"]["Bucket"] == {"Ref": name}
        ]
        arn = {"Fn::GetAtt": [name, "Arn"]}
        whole = [arn, {"Fn::Join": ["", [arn, "/*"]]}]
        denials = [one for one in policy["Statement"] if one["Effect"] == "Deny"]
        assert [(one["Action"], one["Principal"], one["Resource"]) for one in denials] == 3 * [
            ("s3:*", {"AWS": "*"}, whole)
        ]
        assert [one["Condition"] for one in denials] == [
            {"Bool": {"aws:SecureTransport": "false"}},
            {"NumericLessThan": {"s3:TlsVersion": 1.2}},
            {
                "StringNotEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}},
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            },
        ]


def test_every_queue_is_encrypted_and_refuses_the_clear(templates: list[Template]) -> None:
    for template, name, queue in resources(templates, "AWS::SQS::Queue"):
        properties = queue["Properties"]
        assert properties.get("SqsManagedSseEnabled") is True or "KmsMasterKeyId" in properties, name
        denied = [
            statement["Condition"]
            for _, _, policy in resources([template], "AWS::SQS::QueuePolicy")
            if {"Ref": name} in policy["Properties"]["Queues"]
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny" and statement["Action"] == "sqs:*"
        ]
        assert denied == [{"Bool": {"aws:SecureTransport": "false"}}], name


def test_only_services_of_aws_may_write_into_a_queue_from_outside_and_for_one_source(templates: list[Template]) -> None:
    """A service does as any customer of its tells it; the source says that it was told by us."""
    for _, name, policy in resources(templates, "AWS::SQS::QueuePolicy"):
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                assert list(statement["Principal"]) == ["Service"], name
                assert "aws:SourceArn" in json.dumps(statement["Condition"]), name


def test_what_fails_for_good_is_kept_for_a_person(templates: list[Template]) -> None:
    """The upload queue, whatever AWS invokes without waiting, and every schedule have dead letters."""
    queues = {name: one["Properties"] for _, name, one in resources(templates, "AWS::SQS::Queue")}
    redriven = [one["RedrivePolicy"]["maxReceiveCount"] for one in queues.values() if "RedrivePolicy" in one]
    assert redriven == [5]
    dead = [one for one in queues.values() if "RedrivePolicy" not in one]
    assert {one["MessageRetentionPeriod"] for one in dead} == {14 * 24 * 3600}
    for _, name, schedule in resources(templates, "AWS::Scheduler::Schedule"):
        assert "DeadLetterConfig" in schedule["Properties"]["Target"], name
    for _, name, rule in resources(templates, "AWS::Events::Rule"):
        assert all("DeadLetterConfig" in target for target in rule["Properties"].get("Targets", [])), name


def test_every_log_ends(templates: list[Template]) -> None:
    """Our functions have no log but one of these."""
    days = {
        name: one["Properties"].get("RetentionInDays") for _, name, one in resources(templates, "AWS::Logs::LogGroup")
    }
    assert days and all(kept is not None and kept <= MOST_DAYS_OF_A_LOG for kept in days.values())
    for _, name, function in resources(templates, "AWS::Lambda::Function"):
        if not OF_THE_CDK.search(name):
            assert function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] in days, name


def test_no_template_holds_a_secret(folder: Path) -> None:
    """Neither a template nor a setting of a function: no key, no password, no certificate."""
    for path in [*folder.glob("*.template.json"), *folder.glob("*.assets.json")]:
        assert (
            re.findall(r"AKIA[0-9A-Z]{16}|BEGIN [A-Z ]*PRIVATE KEY|(?i:password|secret_?access)", path.read_text())
            == []
        )


def test_with_the_operators_own_key_photos_and_announcements_are_under_it(own_key_assembly: Path) -> None:
    """All but the access log, which S3 delivers under no key but its own; the key is renewed and outlives its stack."""
    pipeline = Template(own_key_assembly / "NunchiPipeline.template.json")
    [(_, name, key)] = resources([pipeline], "AWS::KMS::Key")
    arn = {"Fn::GetAtt": [name, "Arn"]}
    for output in BUCKETS:
        assert pipeline.resource(output)["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"] == [
            {
                "BucketKeyEnabled": True,
                "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn},
            }
        ]
    for output in ("UploadQueueUrl", "DeadQueueUrl"):
        assert pipeline.resource(output)["Properties"]["KmsMasterKeyId"] == arn
    assert key["Properties"]["EnableKeyRotation"] is True
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_with_the_operators_own_key_s3_may_use_it_to_announce_for_this_account(own_key_assembly: Path) -> None:
    """Nobody else is let in by the key itself, but the account, whose policies then decide."""
    pipeline = Template(own_key_assembly / "NunchiPipeline.template.json")
    account, s3 = pipeline.one("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    assert pipeline.text(account["Principal"]["AWS"]).endswith(":iam::<AWS::AccountId>:root")
    assert (s3["Principal"], s3["Action"], s3["Condition"]) == (
        {"Service": "s3.amazonaws.com"},
        ["kms:Decrypt", "kms:GenerateDataKey"],
        {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    )


def test_without_it_there_is_no_key_to_pay_for(pipeline: Template) -> None:
    assert pipeline.all("AWS::KMS::Key") == []
