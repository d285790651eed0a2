"""moto's server with the behaviour of AWS that this project depends on and moto lacks.

moto remembers what it is told and answers in AWS's formats. It is kinder than AWS where that hides our bugs:
it drops permissions boundaries, deletes users that still have keys, never pages, and ignores most of a policy.
The modules here replace those parts of moto, each in its own room:

- ``validation``   request parameters checked against the service's own model
- ``limits``       the rules that IAM's writes share: names, ARNs, sizes, quotas, tags
- ``users``        users, passwords and groups: boundaries, conflicts
- ``permissions``  policies, roles and OIDC providers
- ``reading``      IAM's reads: paging, account details, account summary
- ``notebooks``    SageMaker's states, and operations that moto lacks
- ``conditions``   the operators of a policy's Condition
- ``evaluation``   does a policy allow an action, and do all that have a say? Pure, without moto
- ``judge``        the same for cases on stdin: another evaluator is held against it
- ``enforcement``  who asks, for what, in which context; the decision
- ``sessions``     temporary credentials that end
- ``federation``   whom a role trusts without a signature of AWS's, and with which session tags
- ``tokens``       web identities: signature and claims
- ``assertions``   SAML: issuer, recipient, role and session tags
- ``switches``     what tests turn: faults, latency, quotas, counters, the log of calls

Sources are named where a rule is written: [M] the service model that botocore ships, [D] AWS's documentation,
[I] observed by many in public reports. No AWS account was used.
"""
