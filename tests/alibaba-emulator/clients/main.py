"""Drives the emulator through Alibaba Cloud's official Python clients, which nobody here wrote."""

import account
import identities


def main():
    given = account.arguments()
    root = account.Account(given.address, *given.root_key.split(":", 1))
    identities.run(root, given.account)
    print(f"{len(account.USED)} operations in {sum(account.USED.values())} calls")


main()
