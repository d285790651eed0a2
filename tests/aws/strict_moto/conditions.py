"""The operators of a policy's Condition element, without moto. A context maps keys in small letters to values."""

import ipaddress
import re
from datetime import datetime, timezone


class Unresolved(Exception):
    """A policy variable has no value in this request: the statement does not apply."""


def as_list(value):
    return value if isinstance(value, list) else [value]


def pattern(text, context, wildcards=True):
    """A policy's value as a regular expression: ``*`` and ``?`` are wildcards where they are written, what a variable
    brings in is literal [D]."""
    expression, position = "", 0
    for found in re.finditer(r"\$\{([^}]*)\}|[*?]", text):
        expression += re.escape(text[position : found.start()])
        position = found.end()
        if found.group(0) == "*":
            expression += ".*" if wildcards else r"\*"
        elif found.group(0) == "?":
            expression += "." if wildcards else r"\?"
        else:
            expression += re.escape(variable(found.group(1).strip(), context))
    return expression + re.escape(text[position:])


def variable(text, context):
    """The value of ``${key}`` or ``${key, 'default'}``; ``${*}``, ``${?}`` and ``${$}`` are those characters."""
    if text in ("*", "?", "$"):
        return text
    key, _, default = text.partition(",")
    value = context.get(key.strip().lower())
    if value is None or isinstance(value, list):
        if not default:
            raise Unresolved(key)
        value = default.strip().strip("'")
    return str(value)


def like(text, value, context, wildcards=True, any_case=False):
    flags = re.S | (re.I if any_case else 0)
    return re.fullmatch(pattern(text, context, wildcards), value, flags) is not None


def arn_like(text, value, context):
    """ARNs are compared part by part: a wildcard does not reach over a colon [D]."""
    parts, values = text.split(":", 5), value.split(":", 5)
    return len(parts) == len(values) == 6 and all(like(p, v, context) for p, v in zip(parts, values))


def moment(text):
    """A date as ISO 8601 or in seconds since 1970 [D]."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return datetime.fromtimestamp(float(text), timezone.utc)
    parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)


COMPARE = {
    "equals": lambda have, want: have == want,
    "notequals": lambda have, want: have == want,
    "lessthan": lambda have, want: have < want,
    "lessthanequals": lambda have, want: have <= want,
    "greaterthan": lambda have, want: have > want,
    "greaterthanequals": lambda have, want: have >= want,
}


def compares(operator, wanted, have, context):
    """One value of the policy with one of the request. The caller turns the negative operators' answer round."""
    if operator in ("stringequals", "stringnotequals", "binaryequals"):
        return like(wanted, have, context, wildcards=False)
    if operator in ("stringequalsignorecase", "stringnotequalsignorecase"):
        return like(wanted, have, context, wildcards=False, any_case=True)
    if operator in ("stringlike", "stringnotlike"):
        return like(wanted, have, context)
    if operator in ("arnequals", "arnlike", "arnnotequals", "arnnotlike"):
        return arn_like(wanted, have, context)
    if operator == "bool":
        return wanted.lower() == have.lower()
    if operator in ("ipaddress", "notipaddress"):
        return ipaddress.ip_address(have) in ipaddress.ip_network(wanted, strict=False)
    if operator.startswith("numeric"):
        return COMPARE[operator.removeprefix("numeric")](float(have), float(wanted))
    if operator.startswith("date"):
        return COMPARE[operator.removeprefix("date")](moment(have), moment(wanted))
    raise NotImplementedError(f"condition operator {operator}")


def key_holds(name, key, wanted, context):
    """One line of a Condition: ``name`` is the operator as written, with its prefix and suffix."""
    operator = name.lower()
    quantifier, _, operator = operator.rpartition(":")
    if_exists = operator.endswith("ifexists")
    operator = operator.removesuffix("ifexists")
    negative = "not" in operator
    have = context.get(key.lower())
    wanted = [str(value).lower() if isinstance(value, bool) else str(value) for value in as_list(wanted)]
    if operator == "null":
        return (have is None) == (wanted[0].lower() == "true")
    if have is None:
        return if_exists or quantifier == "forallvalues" or (negative and not quantifier)

    def holds(value):
        return any(compares(operator, one, value, context) for one in wanted) != negative

    values = [str(value) for value in as_list(have)]
    if quantifier == "forallvalues":
        return all(map(holds, values))
    if quantifier == "foranyvalue":
        return any(map(holds, values))
    return holds(values[0])


def hold(condition, context):
    """Whether every line of a Condition element holds."""
    return all(
        key_holds(operator, key, wanted, context)
        for operator, lines in (condition or {}).items()
        for key, wanted in lines.items()
    )
