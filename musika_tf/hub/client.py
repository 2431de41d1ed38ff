"""The one place that talks to a hub: Hugging Face's client, whose errors become one line each.

Which hub, whose token and how long to wait, the client reads from its own settings (HF_ENDPOINT, HF_TOKEN, ...).
"""

import contextlib
import re
import sys
import typing

from musika_tf.errors import UserError

EXTRA = "extra hub: pip install -e '.[hub]'"
LIBRARY = "musika_tf"  # what models of this package name in their card, and are found by


_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Unreachable(Exception):
    """No answer of the hub, for a reason that may pass: no network, or it is switched off, or the hub is down."""


class RemoteFile(typing.NamedTuple):
    """What a hub says of a file: bytes, and one of two digests, in hexadecimal digits."""

    size: int
    sha256: str | None  # of large ones
    git_sha1: str  # of the others: of "blob SIZE", a zero byte, and the content


class Found(typing.NamedTuple):
    """A model that a search finds."""

    repository: str
    licence: str
    updated: str  # 2026-11-29


def is_commit(text):
    """Whether a text is a commit's identity, which names a folder, too."""
    return bool(_COMMIT.fullmatch(text or ""))


def files(name):
    """(commit, dict of path -> RemoteFile) of a HubName's repository at its revision.

    Raises:
      UserError: there is no such repository or revision, or it is not open to this token; the extra is not installed.
      Unreachable: see there.
    """
    with _failures_named(name) as api:
        commit = api.model_info(name.repository, revision=name.revision).sha
        if not is_commit(commit):
            raise UserError(f"{name}: the repository has no commit yet; push a model to it")
        entries = api.list_repo_tree(name.repository, recursive=True, revision=commit)
        found = {
            entry.path: RemoteFile(entry.size, entry.lfs.sha256 if entry.lfs else None, entry.blob_id)
            for entry in entries
            if hasattr(entry, "size")  # folders have none
        }
    return commit, found


def download(name, commit, path, folder):
    """Fetches one file of a commit into its place below a folder; raises as `files`."""
    with _failures_named(name) as api:
        api.hf_hub_download(name.repository, path, revision=commit, local_dir=folder)


def search(user=None):
    """Models of this package, those of one user or of all, as a list of Found; raises as `files`."""
    with _failures_named("the hub") as api:
        models = list(api.list_models(filter=LIBRARY, author=user, limit=100))
    return [Found(model.id, _licence(model.tags or ()), str(model.last_modified or "")[:10]) for model in models]


def _licence(tags):
    return next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), "")


def upload(name, folder, private):
    """Makes a repository what a folder holds, in one commit, and returns its identity; makes the repository where there
    is none.

    Raises:
      UserError: as `files`, the network fails, or the token may not write there.
    """
    try:
        with _failures_named(name) as api:
            api.create_repo(name.repository, private=private, exist_ok=True)
            commit = api.upload_folder(
                repo_id=name.repository,
                folder_path=folder,
                commit_message="A model of musika_tf",
                delete_patterns=["variables/*", "samples/*"],  # of an earlier model
            )
    except Unreachable as error:
        raise unreachable(name, error) from error
    return commit.oid


def check_token(name):
    """UserError where there is no token to write with; whose it is, the hub finds out."""
    with _failures_named(name):
        from huggingface_hub import get_token

        if not get_token():
            raise UserError(f"{name}: no token to write with; set HF_TOKEN, or log in once with: hf auth login")


def unreachable(name, reason):
    """The UserError where a hub does not answer and nothing of it is at hand."""
    return UserError(f"{name}: the hub can't be reached ({reason}); connect, or name a folder")


@contextlib.contextmanager
def _failures_named(name):
    """Gives a client, whose errors become UserError or Unreachable."""
    try:
        import huggingface_hub
        from huggingface_hub import errors
        from huggingface_hub.utils import disable_progress_bars
    except ImportError as error:
        raise UserError(f"{name}: a hub needs huggingface_hub ({EXTRA})") from error
    if not sys.stderr.isatty():
        disable_progress_bars()
    # The base of all that its HTTP library raises, which changed between versions: requests, httpx, httpx2.
    http_error = errors.HfHubHTTPError.__mro__[1]
    try:
        yield huggingface_hub.HfApi(library_name=LIBRARY)
    except UserError:
        raise
    except errors.RevisionNotFoundError as error:
        raise UserError(f"{name}: the repository has no such revision; leave out the @, or name another") from error
    except errors.GatedRepoError as error:
        raise UserError(f"{name}: its owner lets in whom they know; ask for access on its page") from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(f"{name}: no such repository, or not for you to see; check the name and your token") from error
    except errors.EntryNotFoundError as error:
        if isinstance(error, errors.LocalEntryNotFoundError):  # and the hub could not be asked
            raise Unreachable(_reason(error.__cause__ or error)) from error
        raise UserError(f"{name}: a file that the hub lists is missing there; name another revision") from error
    except errors.HfHubHTTPError as error:
        raise _refused(name, error) from error
    except (errors.OfflineModeIsEnabled, http_error, ConnectionError, TimeoutError) as error:
        raise Unreachable(_reason(error)) from error
    except OSError as error:
        if error.errno is None:  # the client's own: sizes that differ
            raise UserError(f"{name}: the download failed ({_reason(error)}); run it again") from error
        raise UserError(f"{name}: can't be stored ({error.strerror}); make room") from error
    except (RuntimeError, ValueError) as error:  # an upload that failed, a name that the hub does not allow
        raise UserError(
            f"{name}: the hub's client fails ({_reason(error)}); check the name, or run it again"
        ) from error


def _refused(name, error):
    """What an HTTP status means: an exception to raise."""
    status = error.response.status_code if error.response is not None else 0
    if status in (401, 403):
        return UserError(f"{name}: the hub refuses this token (HTTP {status}); use one that may do that")
    if status >= 500 or status == 429:
        return Unreachable(f"HTTP {status}")
    return UserError(f"{name}: the hub refuses ({_reason(error)})")


def _reason(error):
    lines = str(error).split("\n")
    return lines[0].rstrip(".") or type(error).__name__
