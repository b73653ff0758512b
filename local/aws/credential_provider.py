"""`python -m local.aws.credential_provider`: AWS IoT's credentials provider, which the local IoT Core lacks.

Its requests over mutual TLS, responses and error messages are AWS's. It checks that the certificate is ACTIVE and
attached to the thing, and that its IoT policy allows the role alias.

One thing differs. The local IAM lacks `${credentials-iot:ThingName}`, with which one role gives each kiosk its own
folder. So each thing gets a copy of the role, with its name filled in to the inline policies.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import ssl
import sys
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contracts.instants import to_text
from kiosk.cloud.credentials import THING_HEADER
from local.ports import LOOPBACK

if TYPE_CHECKING:
    from types_boto3_iot import IoTClient

log = logging.getLogger(__name__)

ASSUME: Final = "iot:AssumeRoleWithCertificate"
SERVICE: Final = "credentials.iot.amazonaws.com"
THING_VARIABLE: Final = "${credentials-iot:ThingName}"
LIFETIME_S: Final = 3600
_VARIABLE: Final = "NUNCHI_CREDENTIALS_"
CLIENT_TIMEOUT_S: Final = 10.0  # for a client that connects and sends nothing
_PATH: Final = re.compile(r"/role-aliases/([\w=,@-]{1,128})/credentials")
_UNKNOWN_CERTIFICATE: Final = "Certificate is invalid on this endpoint"
_NO_ROLE: Final = "Unable to assume the role, or the role to assume does not exist"


class CredentialsDenied(Exception):
    """An error response in place of credentials."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


@dataclass(frozen=True, slots=True)
class Alias:
    """A role alias, and its role."""

    name: str
    role_arn: str


class CredentialProvider:
    """Issues session credentials for certificates."""

    def __init__(self, iot: IoTClient, iam: Any, sts: Any, alias: Alias) -> None:
        self._iot, self._iam, self._sts = iot, iam, sts
        self._alias = alias

    def credentials(self, alias: str, certificate_id: str, thing: str | None) -> dict[str, str]:
        """The response's object `credentials`; CredentialsDenied, with the checks in AWS's order."""
        arn = self._active(certificate_id)
        if thing is not None and thing not in self._things_of(arn):
            raise CredentialsDenied(403, "AccessDeniedException", "Invalid thing name passed")
        if not self._may_assume(arn, alias):
            raise CredentialsDenied(403, "AccessDeniedException", "Access Denied")
        if alias != self._alias.name:
            raise CredentialsDenied(404, "ResourceNotFoundException", "Role alias does not exist")
        try:
            role_arn = self._alias.role_arn if thing is None else self._role_for(thing)
            session = self._sts.assume_role(
                RoleArn=role_arn, RoleSessionName=certificate_id, DurationSeconds=LIFETIME_S
            )["Credentials"]
        except ClientError as error:
            log.warning("%s: %s", self._alias.role_arn, error)
            raise CredentialsDenied(400, "InvalidRequestException", _NO_ROLE) from None
        return {
            "accessKeyId": session["AccessKeyId"],
            "secretAccessKey": session["SecretAccessKey"],
            "sessionToken": session["SessionToken"],
            "expiration": to_text(session["Expiration"]),
        }

    def _active(self, certificate_id: str) -> str:
        try:
            certificate = self._iot.describe_certificate(certificateId=certificate_id)["certificateDescription"]
        except self._iot.exceptions.ResourceNotFoundException:
            raise CredentialsDenied(403, "AccessDeniedException", _UNKNOWN_CERTIFICATE) from None
        if certificate["status"] != "ACTIVE":
            raise CredentialsDenied(403, "AccessDeniedException", _UNKNOWN_CERTIFICATE)
        return certificate["certificateArn"]

    def _things_of(self, certificate_arn: str) -> list[str]:
        return self._iot.list_principal_things(principal=certificate_arn)["things"]

    def _may_assume(self, certificate_arn: str, alias: str) -> bool:
        """Whether the certificate's IoT policies allow the alias, by the local broker's own policy evaluator."""
        iam = import_module("ministack.core.iam_evaluator")
        region, account = certificate_arn.split(":")[3:5]
        names = [
            policy["policyName"] for policy in self._iot.list_attached_policies(target=certificate_arn)["policies"]
        ]
        documents = [self._iot.get_policy(policyName=name)["policyDocument"] for name in names]
        context = iam.EvalContext(
            principal_arn=certificate_arn,
            principal_type="Certificate",
            principal_account=account,
            action=ASSUME,
            resource_arn=f"arn:aws:iot:{region}:{account}:rolealias/{alias}",
            region=region,
        )
        return bool(
            iam.evaluate(context, [iam.parse_policy_document(document) for document in documents]).decision == "Allow"
        )

    def _role_for(self, thing: str) -> str:
        """The ARN of the thing's copy of the role."""
        role = self._iam.get_role(RoleName=self._alias.role_arn.rpartition("/")[2])["Role"]
        trust = role["AssumeRolePolicyDocument"]
        if SERVICE not in json.dumps(trust):
            raise CredentialsDenied(400, "InvalidRequestException", _NO_ROLE)
        name = f"{self._alias.name}-as-{thing}"
        with contextlib.suppress(self._iam.exceptions.EntityAlreadyExistsException):
            self._iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        for policy in self._iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
            document = self._iam.get_role_policy(RoleName=role["RoleName"], PolicyName=policy)["PolicyDocument"]
            filled_in = json.dumps(document).replace(THING_VARIABLE, thing)
            self._iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=filled_in)
        return f"{self._alias.role_arn.partition(':role/')[0]}:role/{name}"


class _Handler(BaseHTTPRequestHandler):
    """Serves the requests of a device."""

    protocol_version = "HTTP/1.1"
    timeout = CLIENT_TIMEOUT_S

    def do_GET(self) -> None:
        try:
            body = {"credentials": self._credentials()}
        except CredentialsDenied as denied:
            self._answer(denied.status, {"message": str(denied)}, denied.kind)
        except (BotoCoreError, ClientError) as error:
            log.error("the local cloud fails: %s", error)
            self._answer(500, {"message": "Internal failure"}, "InternalFailureException")
        else:
            self._answer(200, body)

    def _credentials(self) -> dict[str, str]:
        path = _PATH.fullmatch(self.path)
        if path is None:
            raise CredentialsDenied(404, "ResourceNotFoundException", "Not found")
        assert isinstance(self.connection, ssl.SSLSocket)  # noqa: S101
        certificate = self.connection.getpeercert(binary_form=True) or b""
        certificate_id = hashlib.sha256(certificate).hexdigest()
        assert isinstance(self.server, Server)  # noqa: S101
        return self.server.provider.credentials(path[1], certificate_id, self.headers.get(THING_HEADER))

    def _answer(self, status: int, fields: dict[str, Any], kind: str | None = None) -> None:
        body = json.dumps(fields).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if kind is not None:
            self.send_header("x-amzn-ErrorType", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: Any) -> None:
        log.info(format, *values)


class Server(ThreadingHTTPServer):
    """Mutual TLS on the loopback interface. Each connection has its own thread, also for the handshake."""

    daemon_threads = True

    def __init__(self, port: int, provider: CredentialProvider, *, ca: Path, cert: Path, key: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED
        super().__init__((LOOPBACK, port), _Handler)
        self.provider = provider
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        error = sys.exc_info()[1]
        # An unknown certificate, a port scanner, a device that disconnected: one line without a traceback.
        log.warning("%s: %s", client_address, error, exc_info=None if isinstance(error, OSError) else error)


def make_server_certificate(folder: Path) -> tuple[str, Path, Path]:
    """A new CA certificate in PEM, and the files of the server's certificate and key that it signed.

    A CA of its own, as the local IoT Core does not give out its CA's key. The key of the new CA is not stored.
    """
    x509 = import_module("ministack.core.x509_utils")
    ca, ca_key = x509.generate_ca("Nunchi", "Nunchi local credential provider")
    signed, private, _ = x509.sign_leaf_certificate(
        ca, ca_key, "localhost", san_dns=["localhost"], san_ips=[LOOPBACK], key_type="ec256"
    )
    cert, key = folder / "credentials.cert.pem", folder / "credentials.key.pem"
    cert.write_text(signed)
    key.touch(mode=0o600)
    key.write_text(private)
    return ca, cert, key


def url(port: int, alias: str) -> str:
    """The URL for devices."""
    return f"https://{LOOPBACK}:{port}/role-aliases/{alias}/credentials"


def environ(port: int, alias: Alias, *, ca: Path, cert: Path, key: Path) -> dict[str, str]:
    """The environment variables that `main` reads."""
    values = {"PORT": port, "CA": ca, "CERT": cert, "KEY": key, "ALIAS": alias.name, "ROLE": alias.role_arn}
    return {f"{_VARIABLE}{name}": str(value) for name, value in values.items()}


def main() -> None:
    """Serve until killed; settings are in the environment."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    values = {name.removeprefix(_VARIABLE): value for name, value in os.environ.items() if name.startswith(_VARIABLE)}
    direct = Config(proxies={})
    provider = CredentialProvider(
        boto3.client("iot", config=direct),
        boto3.client("iam", config=direct),
        boto3.client("sts", config=direct),
        Alias(values["ALIAS"], values["ROLE"]),
    )
    server = Server(
        int(values["PORT"]), provider, ca=Path(values["CA"]), cert=Path(values["CERT"]), key=Path(values["KEY"])
    )
    log.info("credential provider on port %s", values["PORT"])
    server.serve_forever()


if __name__ == "__main__":
    main()
