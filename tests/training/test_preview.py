import numpy as np
import soundfile
from matplotlib import image

from musika_tf.training import preview


def tone(hertz, n=20_000):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(n) / 44_100).astype(np.float32)


def test_writes_audio_and_a_picture(tmp_path):
    stereo = np.stack([tone(300), 3 * tone(500)], axis=-1)
    preview.write(tmp_path / "previews", 500, [tone(200), stereo], 44_100)
    names = ["step-000500-0.wav", "step-000500-1.wav", "step-000500.png"]
    assert sorted(path.name for path in (tmp_path / "previews").iterdir()) == names
    first, rate = soundfile.read(tmp_path / "previews" / names[0])
    assert rate == 44_100
    np.testing.assert_allclose(first, np.stack([tone(200)] * 2, axis=-1), atol=1e-4)
    second, _ = soundfile.read(tmp_path / "previews" / names[1])
    np.testing.assert_allclose(second, np.clip(stereo, -1, 1), atol=1e-4)


def test_picture_shows_high_tones_above_low_ones(tmp_path):
    for name, waveform in {"low": tone(200), "high": tone(8000)}.items():
        preview.picture(tmp_path / f"{name}.png", [np.stack([waveform] * 2, axis=-1)], 44_100)
    rows = {}
    for name in ("low", "high"):
        pixels = image.imread(tmp_path / f"{name}.png")[..., :3]
        inside = pixels[20:-40, 150:-50]  # without the axes' labels
        rows[name] = inside.mean(axis=(1, 2)).argmax()
    assert rows["high"] < rows["low"] - 20
