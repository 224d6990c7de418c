"""Who asks, in which role, and whose figures may they see?"""

from dataclasses import dataclass
from typing import Literal

Role = Literal["analyst", "admin"]
ROLES: tuple[Role, ...] = ("analyst", "admin")
"""From the least to the most: who may do something may do all that those before may."""
EVERY_TENANT = "*"


class NotTheirs(Exception):
    """The caller asks for a tenant that they may not see. Says the same whether or not there is such a tenant."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Behind a request. `name` is the token's id; of the tenants, EVERY_TENANT stands for all."""

    name: str
    role: Role
    tenants: frozenset[str]

    def may(self, needed: Role) -> bool:
        """Whether the role allows what this role may."""
        return ROLES.index(self.role) >= ROLES.index(needed)

    def must_see(self, tenant: str) -> None:
        """Raises NotTheirs unless the tenant is the caller's."""
        if EVERY_TENANT not in self.tenants and tenant not in self.tenants:
            theirs = ", ".join(sorted(self.tenants)[:10])
            raise NotTheirs(f"tenant {tenant[:128]!r} is none of your token's: {theirs}")

    def narrowed(self, asked: frozenset[str]) -> frozenset[str] | None:
        """The tenants to look at: those asked for, else all of the caller's; None where that is every one. Raises
        NotTheirs."""
        for tenant in sorted(asked):
            self.must_see(tenant)
        if asked:
            return asked
        return None if EVERY_TENANT in self.tenants else self.tenants


EVERYBODY = Caller("everybody", "admin", frozenset({EVERY_TENANT}))
"""Whoever asks a service that is open (setting `access`), on loopback."""
