"""The REST interface: examples/serving.py against a server that answers as TensorFlow Serving's documents say, and the
same signature by TensorFlow's own `saved_model_cli run`. TensorFlow Serving itself is in no package index."""

import contextlib
import http.server
import json
import threading

import exported
import numpy as np
import pytest
import tensorflow as tf
import tiny
import warm

serving = exported.example("serving")


@contextlib.contextmanager
def served(loaded):
    """Serves the signatures of a SavedModel on loopback; yields the model's URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            function = loaded.signatures[body["signature_name"]]
            specs = function.structured_input_signature[1]
            inputs = {name: tf.constant(value, specs[name].dtype) for name, value in body["inputs"].items()}
            assert self.path == "/v1/models/tiny:predict"
            (output,) = function(**inputs).values()  # one output: its value, without its name
            answer = json.dumps({"outputs": output.numpy().tolist()}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/models/tiny"
        server.shutdown()


@pytest.mark.long
def test_what_is_served_is_what_the_bundle_generates(folder, monkeypatch):
    monkeypatch.setattr(serving, "LATENTS", 7)
    with served(tiny.load(folder)[0]) as url:
        blocks = list(serving.blocks(url, 7, 10))
    assert [len(block) for block in blocks] == [7 * 512, 3 * 512]
    np.testing.assert_allclose(np.concatenate(blocks), exported.rendered(folder, 7, 10), atol=1e-5)


def test_samples_become_pcm():
    assert serving.pcm([[1.0, -1.0], [0.0, 0.5]]) == np.array([32767, -32767, 0, 16384], "<i2").tobytes()


@pytest.mark.long
def test_the_signature_by_saved_model_cli(folder, tmp_path):
    inputs = "seed=7;style_seed=7;first_latent=0;n_latents=4;truncation=2.0;conditioning=[[]]"
    tool = ["-m", "tensorflow.python.tools.saved_model_cli", "run", "--dir", folder]
    what = ["--tag_set", "serve", "--signature_def", "generate", "--input_exprs", inputs, "--outdir", tmp_path]
    done = warm.run(*tool, *what)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "waveform.npy"), exported.rendered(folder, 7, 4), atol=1e-5)
