"""The operators of a policy's Condition element, without moto. A context maps keys in small letters to values."""

import ipaddress
import re
from datetime import datetime, timezone


class Unresolved(Exception):
    """A policy variable has no value in this request: there is nothing that equals it or is like it [D]."""


def as_list(value):
    return value if isinstance(value, list) else [value]


def pattern(text, context, wildcards=True):
    """A policy's value as a regular expression: ``*`` and ``?`` are wildcards where they are written, what a variable
    brings in is literal [D]. Without a context, as in the old version of the language, ``${...}`` is text."""
    expression, position = "", 0
    for found in re.finditer(r"\$\{([^}]*)\}|[*?]" if context is not None else r"[*?]", text):
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
    try:
        return re.fullmatch(pattern(text, context, wildcards), value, flags) is not None
    except Unresolved:
        return False


def resolves(text, context):
    """Whether all variables in the text have values."""
    try:
        pattern(text, context)
    except Unresolved:
        return False
    return True


def parts(arn):
    """The six parts of an ARN; a colon in the name of a variable separates nothing."""
    found, start = [], 0
    for colon in re.finditer(r"\$\{[^}]*\}|:", arn):
        if colon.group(0) == ":" and len(found) < 5:
            found.append(arn[start : colon.start()])
            start = colon.end()
    return [*found, arn[start:]]


def arn_like(text, value, context):
    """ARNs are compared part by part: a wildcard does not reach over a colon [D]."""
    patterns, values = parts(text), value.split(":", 5)
    return len(patterns) == len(values) == 6 and all(like(p, v, context) for p, v in zip(patterns, values))


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
        network = ipaddress.ip_network(wanted, strict=False)
        try:
            return ipaddress.ip_address(have) in network
        except ValueError:  # a service that calls on someone's behalf has its name for an address
            return False
    if operator.startswith("numeric"):
        return COMPARE[operator.removeprefix("numeric")](float(have), float(wanted))
    if operator.startswith("date"):
        return COMPARE[operator.removeprefix("date")](moment(have), moment(wanted))
    raise NotImplementedError(f"condition operator {operator}")


def key_holds(name, key, wanted, context, variables):
    """One line of a Condition: ``name`` is the operator as written, with its prefix and suffix. ``variables`` is the
    context of ``${...}``, None where the language has none."""
    operator = name.lower()
    quantifier, _, operator = operator.rpartition(":")
    if_exists = operator.endswith("ifexists")
    operator = operator.removesuffix("ifexists")
    negative = "not" in operator
    have = context.get(key.lower())
    wanted = [str(value).lower() if isinstance(value, bool) else str(value) for value in as_list(wanted)]
    if operator == "null":
        return any((have is None) == (one.lower() == "true") for one in wanted)
    if have is None:
        # ForAnyValue asks each value that is there, and IfExists with it: there is none [D].
        return quantifier == "forallvalues" or (not quantifier and (if_exists or negative))

    def holds(value):
        return any(compares(operator, one, value, variables) for one in wanted) != negative

    values = [str(value) for value in as_list(have)]
    if quantifier == "forallvalues":
        return all(map(holds, values))
    if quantifier == "foranyvalue":
        return any(map(holds, values))
    return holds(values[0])


def hold(condition, context, variables):
    """Whether every line of a Condition element holds."""
    return all(
        key_holds(operator, key, wanted, context, variables)
        for operator, lines in (condition or {}).items()
        for key, wanted in lines.items()
    )
