"""AssumeRoleWithSAML as AWS does it, but for the assertion's signature, which nobody here makes: issuer, recipient, role and
session tags are the assertion's, and the role's trust policy must allow them. moto takes any assertion, and any role."""

import base64
import xml.etree.ElementTree as xml

from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.sts.responses import TokenResponse

from .federation import invalid, require_duration, require_trust
from .patching import wrap

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
AWS = "https://aws.amazon.com/SAML/Attributes/"


def attributes(assertion):
    return {
        attribute.get("Name").removeprefix(AWS): [value.text for value in attribute.iter(f"{SAML}AttributeValue")]
        for attribute in assertion.iter(f"{SAML}Attribute")
    }


def text(element, path):
    found = element.find(path)
    return "" if found is None else found.text or ""


@wrap(TokenResponse, "assume_role_with_saml")
def _(old, self):
    backend = iam_backends[self.current_account]["aws"]
    arn, provider_arn = self._get_param("RoleArn"), self._get_param("PrincipalArn")
    try:
        provider = backend.get_saml_provider(provider_arn)
        response = xml.fromstring(base64.b64decode(self._get_param("SAMLAssertion")))
    except (NotFoundException, ValueError, xml.ParseError):
        raise invalid("Provider of the assertion cannot be found, or the assertion cannot be read.")
    assertion = response.find(f"{SAML}Assertion")
    issuer = text(assertion, f"{SAML}Issuer")
    if xml.fromstring(provider.saml_metadata_document).get("entityID") != issuer:
        raise invalid("Issuer not present in specified provider")
    said = attributes(assertion)
    if f"{arn},{provider_arn}" not in said.get("Role", []):
        raise invalid("Specified provider and role are not in the assertion.")
    recipient = assertion.find(f".//{SAML}SubjectConfirmationData")
    context = {
        "saml:aud": "" if recipient is None else recipient.get("Recipient", ""),
        "saml:iss": issuer,
        "saml:sub": text(assertion, f"{SAML}Subject/{SAML}NameID"),
    }
    tags = {name.removeprefix("PrincipalTag:"): values[0] for name, values in said.items() if name.startswith("PrincipalTag:")}
    role = require_trust(backend, arn, "sts:AssumeRoleWithSAML", provider.arn, context, tags)
    require_duration(role, self._get_int_param("DurationSeconds", 3600))
    return old(self)
