"""A hub on loopback: as much of the HTTP interface of Hugging Face's as its client uses to list, download and upload.

    with Hub(tmp_path) as hub:
        commit = hub.commit("user/name", {"README.md": b"..."})
        # HF_ENDPOINT=hub.url

Small files are committed as git has them, by SHA-1; larger ones go by LFS, by SHA-256. It can be told to misbehave.
"""

import base64
import contextlib
import hashlib
import http.server
import json
import re
import threading
import urllib.parse

TOKEN = "hf_of_the_tests"
_LARGE = 10_000  # bytes, from which on a file goes by LFS


def _git_sha1(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub:
    """A server with repositories in memory.

    Attributes:
      repositories: dict of "user/name" -> list of (commit, dict of path -> bytes), the latest last.
      branches: dict of ("user/name", branch or tag) -> commit.
      corrupt: paths whose content arrives otherwise than it is.
      status: HTTP status of every answer, where not None.
      refused: a path of which every request is refused, or None.
      asked: (method, path) of every request.
    """

    def __init__(self):
        self.repositories, self.branches, self.objects, self.private = {}, {}, {}, set()
        self.corrupt, self.status, self.refused, self.asked = set(), None, None, []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.stop()

    def stop(self):
        """From here on nobody answers."""
        self._server.shutdown()
        self._server.server_close()

    def commit(self, repository, files):
        """Makes a commit of a repository, and returns its identity."""
        history = self.repositories.setdefault(repository, [])
        text = json.dumps([len(history), repository, sorted((k, _git_sha1(v)) for k, v in files.items())])
        history.append((hashlib.sha1(text.encode()).hexdigest(), files))
        return history[-1][0]

    def files(self, repository, revision="main"):
        """(commit, dict of path -> bytes), or None."""
        history = self.repositories[repository]
        if revision == "main":
            return history[-1]
        revision = self.branches.get((repository, revision), revision)
        return next((each for each in history if each[0] == revision), None)

    def tags(self, repository):
        """What the hub finds a model by: its library and tags, and its licence, of the header of its card."""
        text = self.files(repository)[1].get("README.md", b"").decode()
        header = text.split("---")[1] if text.startswith("---") else ""
        pairs = dict(re.findall(r"^(\w+): (.*)$", header, re.MULTILINE))
        return [
            pairs.get("library_name", ""),
            f"license:{pairs.get('license', '')}",
            *re.findall(r"^- (.*)$", header, re.MULTILINE),
        ]


class _Refusal(Exception):
    """An answer that is an error: status, and the hub's name of it."""


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def _handle(self):
        path, _, query = self.path.partition("?")
        self.hub.asked.append((self.command, path))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = {key: values[0] for key, values in urllib.parse.parse_qs(query).items()}
        try:
            if self.hub.status or path == self.hub.refused:
                raise _Refusal(self.hub.status or 400, "")
            for method, pattern, answer in _ROUTES:
                found = re.fullmatch(pattern, urllib.parse.unquote(path))
                if found and self.command in method:
                    return answer(self, body=body, query=query, **found.groupdict())
            raise _Refusal(404, "")
        except _Refusal as refusal:
            status, code = refusal.args
            self._send(b"{}", status, {"X-Error-Code": code} if code else {})

    do_GET = do_HEAD = do_POST = do_PUT = _handle

    def _send(self, content, status=200, headers=None):
        self.send_response(status)
        for key, value in ({"Content-Length": len(content)} | (headers or {})).items():
            self.send_header(key, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _json(self, value, status=200):
        self._send(json.dumps(value).encode(), status, {"Content-Type": "application/json"})

    def _has_token(self):
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _to_write(self):
        if not self._has_token():
            raise _Refusal(401, "")

    def _commit(self, repository, revision):
        """(commit, files) of a revision that is there and may be seen."""
        if repository not in self.hub.repositories or repository in self.hub.private and not self._has_token():
            raise _Refusal(404, "RepoNotFound")
        found = self.hub.files(repository, revision or "main")
        if not found:
            raise _Refusal(404, "RevisionNotFound")
        return found

    def _about(self, repository, commit):
        tags = self.hub.tags(repository)
        return {
            "id": repository,
            "sha": commit,
            "tags": tags,
            "lastModified": "2026-11-29T12:00:00.000Z",
            "siblings": [],
        }

    def _models(self, body, query):
        names = (
            n for n in self.hub.repositories if n.startswith(query.get("author", "") + "/") or "author" not in query
        )
        rows = [self._about(name, self.hub.files(name)[0]) for name in names if name not in self.hub.private]
        self._json([row for row in rows if query.get("filter") in (None, *row["tags"])])

    def _info(self, body, query, repository, revision=None):
        self._json(self._about(repository, self._commit(repository, revision)[0]))

    def _tree(self, body, query, repository, revision):
        rows = []
        for path, content in self._commit(repository, revision)[1].items():
            row = {"type": "file", "path": path, "size": len(content), "oid": _git_sha1(content)}
            if len(content) >= _LARGE:
                row["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
                row["oid"] = _git_sha1(b"a pointer")
            rows.append(row)
        folders = {path.rpartition("/")[0] for path in (row["path"] for row in rows) if "/" in path}
        self._json([{"type": "directory", "path": path, "oid": "0" * 40} for path in folders] + rows)

    def _file(self, body, query, repository, revision, path):
        commit, files = self._commit(repository, revision)
        if path not in files:
            raise _Refusal(404, "EntryNotFound")
        content = files[path]
        digest = hashlib.sha256(content).hexdigest() if len(content) >= _LARGE else _git_sha1(content)
        if path in self.hub.corrupt:
            content = bytes([content[0] ^ 1]) + content[1:]
        self._send(content, headers={"ETag": f'"{digest}"', "X-Repo-Commit": commit})

    def _create(self, body, query):
        self._to_write()
        asked = json.loads(body)
        repository = f"{asked.get('organization') or 'me'}/{asked['name']}"
        url = f"{self.hub.url}/{repository}"
        if repository in self.hub.repositories:
            return self._json({"url": url}, 409)
        self.hub.commit(repository, {".gitattributes": b""})
        if asked.get("private") or asked.get("visibility") == "private":
            self.hub.private.add(repository)
        self._json({"url": url})

    def _yaml(self, body, query):
        text = json.loads(body)["content"]
        fine = text.startswith("---\n") and "\nlicense:" in text
        self._json({"warnings": [], "errors": [] if fine else [{"message": "no licence"}]})

    def _preupload(self, body, query, repository, revision):
        self._to_write()
        rows = [
            {
                "path": row["path"],
                "uploadMode": "lfs" if row["size"] >= _LARGE else "regular",
                "shouldIgnore": False,
                "oid": None,
            }
            for row in json.loads(body)["files"]
        ]
        self._json({"files": rows})

    def _batch(self, body, query, repository):
        self._to_write()
        rows = json.loads(body)["objects"]
        upload = {row["oid"]: {"upload": {"href": f"{self.hub.url}/objects/{row['oid']}"}} for row in rows}
        self._json({"transfer": "basic", "objects": [row | {"actions": upload[row["oid"]]} for row in rows]})

    def _object(self, body, query, digest):
        assert hashlib.sha256(body).hexdigest() == digest
        self.hub.objects[digest] = body
        self._send(b"")

    def _send_commit(self, body, query, repository, revision):
        self._to_write()
        files = dict(self.hub.files(repository)[1])
        for row in map(json.loads, body.splitlines()):
            value = row["value"]
            if row["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif row["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
            elif row["key"] == "deletedFile":
                del files[value["path"]]
        commit = self.hub.commit(repository, files)
        self._json({"commitUrl": f"{self.hub.url}/{repository}/commit/{commit}", "commitOid": commit})


_REPOSITORY = r"(?P<repository>[^/]+/[^/]+)"
_ROUTES = [
    (("GET",), r"/api/models", _Handler._models),
    (("GET",), rf"/api/models/{_REPOSITORY}", _Handler._info),
    (("GET",), rf"/api/models/{_REPOSITORY}/revision/(?P<revision>.+)", _Handler._info),
    (("GET",), rf"/api/models/{_REPOSITORY}/tree/(?P<revision>.+)", _Handler._tree),
    (("GET", "HEAD"), rf"/{_REPOSITORY}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _Handler._file),
    (("POST",), r"/api/repos/create", _Handler._create),
    (("POST",), r"/api/validate-yaml", _Handler._yaml),
    (("POST",), rf"/api/models/{_REPOSITORY}/preupload/(?P<revision>.+)", _Handler._preupload),
    (("POST",), rf"/{_REPOSITORY}\.git/info/lfs/objects/batch", _Handler._batch),
    (("PUT",), r"/objects/(?P<digest>\w+)", _Handler._object),
    (("POST",), rf"/api/models/{_REPOSITORY}/commit/(?P<revision>.+)", _Handler._send_commit),
]


@contextlib.contextmanager
def client_of(hub, monkeypatch, cache):
    """The real client in this process asks `hub`, with nobody's token and an empty cache."""
    from huggingface_hub import constants

    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # another protocol, of a service beside the hub
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache.parent / "no token"))
    monkeypatch.setattr(constants, "AGENT_HARNESSES_PATH", str(cache.parent / "asked"), raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("MUSIKA_TF_CACHE", str(cache))
    yield hub
