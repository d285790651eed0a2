"""Drives the emulator through Alibaba Cloud's official Python clients, which nobody here wrote."""

import account
import identities
import maxcompute
import workspaces


def main():
    given = account.arguments()
    root = account.Account(given.address, *given.root_key.split(":", 1))
    identities.run(root, given.account)
    workspaces.run(root)
    maxcompute.run(root, given.account)
    print(f"{len(account.USED)} operations in {sum(account.USED.values())} calls")
    assert len(account.USED) >= 40


if __name__ == "__main__":
    main()
