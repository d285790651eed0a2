"""AssumeRoleWithWebIdentity as AWS does it: the token's signature and claims are verified with its issuer's keys, and the
role's trust policy must allow whom the token is about. moto takes any text for a token, and any role."""

import base64
import functools
import json
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from moto.iam.models import iam_backends
from moto.sts.responses import TokenResponse

from .enforcement import CLOCK
from .federation import Refused, invalid, require_duration, require_trust
from .patching import wrap

# The keys of issuers by their URL, as their JWKS documents list them: AWS reads these over HTTPS.
ISSUERS = {}
# Where a token has its session tags [D].
TAGS = "https://aws.amazon.com/tags"


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def encoded(part):
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


@functools.cache
def played_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signed(claims):
    """A token of an issuer that is played here: it signs whatever it is asked to, and its keys are known from then on."""
    numbers = played_key().public_key().public_numbers()
    shown = {name: encoded(n.to_bytes((n.bit_length() + 7) // 8, "big")) for name, n in (("n", numbers.n), ("e", numbers.e))}
    ISSUERS[claims["iss"]] = {"keys": [{"kid": "played", "kty": "RSA", "alg": "RS256", **shown}]}
    head = {"alg": "RS256", "kid": "played", "typ": "JWT"}
    text = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
    return f"{text}.{encoded(played_key().sign(text.encode(), padding.PKCS1v15(), SHA256()))}"


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
    context = {f"{issuer}:sub": claims["sub"], f"{issuer}:aud": audience}
    tags = {key: values[0] for key, values in claims.get(TAGS, {}).get("principal_tags", {}).items()}
    role = require_trust(backend, arn, "sts:AssumeRoleWithWebIdentity", provider.arn, context, tags)
    require_duration(role, self._get_int_param("DurationSeconds", 3600))
    return old(self)
