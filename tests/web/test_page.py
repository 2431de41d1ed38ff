"""Gradio's side of the page: its API for programs, and what nobody can get through it."""

import concurrent.futures

import pytest

httpx = pytest.importorskip("httpx", reason="the extra app is not installed")
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def client(app):
    import gradio_client

    return gradio_client.Client(app.address, verbose=False)


def test_a_program_makes_a_piece(client, app):
    made = client.predict("steerable", "2s", seed=5, bpm="120", api_name="/make")
    query = "model=steerable&seed=5&length=2&bpm=120"
    assert made["link"] == f"{app.address}/?{query}" and made["wav"] == f"{app.address}/piece.wav?{query}"
    assert made["command"].endswith("--seed=5 --length=2 --bpm=120 --out=steerable-5.wav")
    wav = httpx.get(made["wav"], timeout=60).content
    assert wav[:4] == b"RIFF" and len(wav) > 2 * 44_100 * 4


def test_a_program_is_told_what_is_wrong(client):
    with pytest.raises(Exception, match="tags: techno=/etc/passwd.csv: files are not read here"):
        client.predict("steerable", tags="techno=/etc/passwd.csv", api_name="/make")
    with pytest.raises(Exception, match="length: at most 5m here"):
        client.predict("tiny", "9h", api_name="/make")
    with pytest.raises(Exception, match="model: ../../etc: no such model"):
        client.predict("../../etc", api_name="/make")


def test_two_programs_at_once(client, app):
    import gradio_client

    other = gradio_client.Client(app.address, verbose=False)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        made = list(
            pool.map(lambda c: c[0].predict("tiny", "1s", seed=c[1], api_name="/make"), [(client, 1), (other, 2)])
        )
    assert [part["wav"].partition("seed=")[2] for part in made] == ["1&length=1", "2&length=1"]


def test_the_page_alone_is_public(app):
    api = httpx.get(f"{app.address}/gradio_api/info", timeout=60).json()
    assert list(api["named_endpoints"]) == ["/make"] and not api["unnamed_endpoints"]


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=../../../../etc/passwd",
        "/gradio_api/file=setup.cfg",
        "/gradio_api/file=http://127.0.0.1:1/x",
        "/gradio_api/proxy=http://127.0.0.1:1/x",
        "/gradio_api/file/etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/..%2f..%2fblocks.py",
        "/custom_component/x/y/z/passwd",
        "/monitoring/x",
        "/docs",
        "/app.py",
    ],
)
def test_no_file_of_the_host_is_read(app, path):
    answer = httpx.get(app.address + path, timeout=60)
    assert answer.status_code in (302, 307, 403, 404, 405, 422, 500), answer.text[:200]
    assert "root:" not in answer.text and "import " not in answer.text


def test_nothing_is_uploaded(app):
    answer = httpx.post(f"{app.address}/gradio_api/upload", files={"files": b"x"}, timeout=60)
    assert answer.status_code == 403
