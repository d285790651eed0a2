"""AssumeRoleWithWebIdentity as AWS does it: the token's signature and claims are verified with its issuer's keys, and the
role's trust policy must allow whom the token is about. moto takes any text for a token, and any role."""

import base64
import json
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from moto.core.exceptions import _RESTError
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.sts.responses import TokenResponse

from .enforcement import CLOCK, ambient_time
from .evaluation import ALLOW, Principal, decide
from .patching import wrap

# The keys of issuers by their URL, as their JWKS documents list them: AWS reads these over HTTPS.
ISSUERS = {}


class Refused(_RESTError):
    def __init__(self, code, message, status=400):
        self.code = status
        super().__init__(code, message)


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def invalid(message):
    return Refused("InvalidIdentityToken", message)


def verified(token):
    """The claims of a token whose signature is its issuer's."""
    try:
        head, body, signature = token.split(".")
        header, claims = json.loads(decoded(head)), json.loads(decoded(body))
        signature = decoded(signature)
    except ValueError:
        raise invalid("The ID Token provided is not a valid JWT.")
    keys = ISSUERS.get(claims.get("iss", ""), {}).get("keys", [])
    key = next((key for key in keys if key.get("kid") == header.get("kid") and key.get("alg") == header.get("alg")), None)
    if key is None or key["alg"] not in ("RS256", "ES256"):
        raise invalid("Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements")
    try:
        verify(key, signature, f"{head}.{body}".encode())
    except InvalidSignature:
        raise invalid("Provided Token is not signed by the identity provider.")
    return claims


def verify(key, signature, signed):
    number = lambda name: int.from_bytes(decoded(key[name]), "big")  # noqa: E731
    if key["kty"] == "RSA":
        public = rsa.RSAPublicNumbers(number("e"), number("n")).public_key()
        return public.verify(signature, signed, padding.PKCS1v15(), SHA256())
    r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
    public = ec.EllipticCurvePublicNumbers(number("x"), number("y"), ec.SECP256R1()).public_key()
    return public.verify(encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))


@wrap(TokenResponse, "assume_role_with_web_identity")
def _(old, self):
    account, arn = self.current_account, self._get_param("RoleArn")
    backend = iam_backends[account]["aws"]
    claims = verified(self._get_param("WebIdentityToken"))
    issuer = claims["iss"].removeprefix("https://")
    provider = next((it for it in backend.open_id_providers.values() if it.url == issuer), None)
    if provider is None:
        raise invalid(f"No OpenIDConnect provider found in your account for {claims['iss']}")
    now = time.time() + CLOCK["ahead"]
    if claims.get("exp", 0) <= now:
        raise Refused("ExpiredTokenException", "Token expired: current date/time must be before the expiration date/time")
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    audience = next((it for it in audiences if it in provider.client_id_list), None)
    if audience is None:
        raise invalid("Incorrect token audience")
    context = {
        f"{issuer}:sub": claims["sub"],
        f"{issuer}:aud": audience,
        "aws:currenttime": ambient_time(),
        "aws:securetransport": "true",
    }
    context = {key.lower(): value for key, value in context.items()}
    not_authorized = Refused("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
    try:
        role = backend.get_role_by_arn(arn)
    except NotFoundException:
        raise not_authorized
    trust = json.loads(role.assume_role_policy_document)
    who = Principal(federated=provider.arn)
    if decide([trust], "sts:AssumeRoleWithWebIdentity", arn, context, who) != ALLOW:
        raise not_authorized
    if self._get_int_param("DurationSeconds", 3600) > (role.max_session_duration or 3600):
        raise Refused("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return old(self)
