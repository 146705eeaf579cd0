"""In which roles somebody decides who says who they are by `--as`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast.errors import NotAllowed

if TYPE_CHECKING:
    from holdfast.shell.settings import Settings


def acting(settings: Settings | None, name: str, asked_roles: Sequence[str] | None = None) -> tuple[str, ...] | None:
    """The roles in which `name` decides; None: not known, so not checked.

    asked_roles: what they say by --role. Where no people are configured, that is all that is known of them. Where some are, the
    settings say what each of them may act as: all of it, or the part that they ask for.

    Raises NotAllowed for somebody who is not among the people, and for a role that they do not have.
    """
    asked = tuple(asked_roles) if asked_roles else None
    if settings is None or not settings.people:
        return asked
    if name not in settings.people:
        raise NotAllowed(
            f"{name or 'nobody'} is not among the people who decide here: {', '.join(sorted(settings.people))}",
            hint="the settings name them under [people], for each environment: see --env",
        )
    roles = settings.roles_of(name)
    lacking = [role for role in asked or () if role not in roles]
    if lacking:
        raise NotAllowed(
            f"{name} is not {lacking[0]}, but {', '.join(roles) or 'in no role'}",
            hint=f"leave out --role, or have [people] say that {name} is",
        )
    return asked if asked is not None else roles
