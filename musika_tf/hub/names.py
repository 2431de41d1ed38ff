"""Names of models on a hub: hf://user/name, or hf://user/name@revision."""

import re
import typing

from musika_tf.errors import UserError

SCHEME = "hf://"
_NAME = re.compile(r"hf://(?P<user>\w[\w.-]*)/(?P<name>\w[\w.-]*)(?:@(?P<revision>\w[\w./-]*))?", re.ASCII)
_EXAMPLE = "hf://user/name, or hf://user/name@revision"


class HubName(typing.NamedTuple):
    """A repository of a user or an organisation, and a branch, tag or commit of it; None: its main branch."""

    user: str
    name: str
    revision: str | None = None

    @property
    def repository(self):
        return f"{self.user}/{self.name}"

    def __str__(self):
        return f"{SCHEME}{self.repository}{f'@{self.revision}' if self.revision else ''}"


def is_hub_name(path):
    """Whether a path is meant as the name of a model on a hub."""
    return str(path).startswith(SCHEME)


def parse(text):
    """The HubName of a text, with hf:// or without; UserError where it is none."""
    full = text if is_hub_name(text) else SCHEME + text
    found = _NAME.fullmatch(full)
    if not found or ".." in full or "//" in full.removeprefix(SCHEME):
        raise UserError(f"{text}: no name of a model on a hub; write {_EXAMPLE}")
    return HubName(**found.groupdict())
