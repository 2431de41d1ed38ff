"""The page: what a visitor may say of a piece, a player that seeks anywhere in it, and a radio tab; by Gradio.

A piece is shown as soon as its first second and a half are there. Its player, picture and downloads are addresses of
`site`, so that the page itself renders nothing, and a link to the page with the fields in it shows the piece again.
"""

import contextlib
import functools
import secrets
import urllib.parse

import gradio as gr

from musika_tf import durations, html_page
from musika_tf.conditioning import tags, tempo
from musika_tf.errors import UserError
from musika_tf.generate import bars
from musika_tf.generate.request import TRUNCATION, TRUNCATIONS, random_seed
from musika_tf.web import asking, drawn_curve
from musika_tf.web.limits import Busy
from musika_tf.web.site import BUSY, PICTURE_SECONDS

LENGTHS = (asking.DEFAULT_LENGTH, "1m58s", "3m57s")
_RADIO_FIELDS = ("model", "seed", "truncation", *asking.STEERING)
_RADIO_LENGTH = "∞"
CSS = """.player audio, .player img { display: block; width: 100%; margin: .5rem 0; }
.player a { margin-right: 1.5rem; }"""
_PLAYER = """<audio id="player" controls autoplay preload="auto" src="piece.wav?{query}"></audio>
<p><a href="piece.wav?{query}&download=1">Download WAV</a><a href="piece.flac?{query}&download=1">Download FLAC</a></p>
<img id="picture" src="piece.png?{query}" alt="Log-mel spectrogram of the first {seconds} seconds">"""
_RADIO = '<audio id="radio" controls autoplay src="radio.wav?{query}"></audio>'


class Page:
    """The page of a Site."""

    def __init__(self, site):
        self._site = site
        first = site.catalogue.names[0]
        with gr.Blocks(analytics_enabled=False, title="Musika!", delete_cache=(600, 3600)) as self.blocks:
            gr.Markdown("# Musika!\nEndless music by a neural network: every seed is another piece.")
            model = gr.Dropdown(site.catalogue.names, value=first, label="Model", elem_id="model")
            seed = self._seed()
            truncation = gr.Slider(*TRUNCATIONS, TRUNCATION, step=0.1, label="Variation",
                                   info="how far from the ordinary; lower is safer", elem_id="truncation")  # fmt: skip
            with gr.Accordion("Steer it", open=True):
                signals = [gr.Textbox(elem_id=name, **options) for name, options in self._controls(first).items()]
                drawn = drawn_curve.field(label="Draw the note density over the piece", container=True,
                                          elem_id="drawn", visible=self._has_density(first))  # fmt: skip
            self._signals = dict(zip(asking.STEERING, signals, strict=True))
            with gr.Tab("Piece"):
                length = self._piece_tab(model, seed, truncation)
            drawn.input(self._drawn, [drawn, model, length], self._signals["note_density"], api_visibility="private")
            with gr.Tab("Radio"):
                self._radio_tab(model, seed, truncation)
            model.change(self._for_model, model, [*signals, drawn, self._bars], api_visibility="private")
            gr.api(self.make, api_name="make")
        self.blocks.queue(max_size=site.limits.waiting, default_concurrency_limit=site.limits.waiting)

    @staticmethod
    def _seed():
        with gr.Row():
            seed = gr.Textbox("7", label="Seed", info="which piece, a whole number", elem_id="seed", scale=4)
            gr.Button("Another seed", scale=1, elem_id="reroll").click(
                lambda: str(random_seed()), None, seed, api_visibility="private"
            )
        return seed

    def _longest(self):
        return durations.spoken(self._site.limits.longest_seconds)

    def _piece_tab(self, model, seed, truncation):
        with gr.Row():
            length = gr.Textbox(LENGTHS[0], label="Length", elem_id="length", scale=3,
                                info=f"{', '.join(LENGTHS)} or any, up to {self._longest()}")  # fmt: skip
            for text in LENGTHS:
                gr.Button(text, min_width=60, scale=1).click(
                    functools.partial(str, text), None, length, api_visibility="private"
                )
        has_clock = bars.has_clock(self._site.catalogue.metadata(self._site.catalogue.names[0]))
        self._bars = gr.Textbox("", label="Bars", info="in place of the length", visible=has_clock, elem_id="bars")
        loop = gr.Checkbox(False, label="Loop: the end goes on into the beginning", elem_id="loop")
        make = gr.Button("Make music", variant="primary", elem_id="make")
        player = gr.HTML(elem_classes="player", elem_id="piece")
        link = gr.Textbox(
            label="Link to this piece", interactive=False, buttons=["copy"], elem_id="link", visible=False
        )
        command = gr.Textbox(label="Command that makes the same file", interactive=False, buttons=["copy"],
                             elem_id="command", visible=False)  # fmt: skip
        inputs = [model, length, self._bars, seed, truncation, loop, *self._signals.values()]
        make.click(self._show, inputs, [player, link, command], validator=self._problems, api_visibility="private")
        self.blocks.load(self._linked, None, [*inputs, player, link, command], api_visibility="private")
        return length

    def _radio_tab(self, model, seed, truncation):
        gr.Markdown("A piece without end. What steers it may change while it plays: press Enter in a field above.")
        start = gr.Button("Start the radio", variant="primary", elem_id="start")
        player, station = gr.HTML(elem_classes="player", elem_id="station"), gr.Textbox(visible="hidden")
        said = gr.Markdown(elem_id="said")
        inputs = [model, seed, truncation, *self._signals.values()]
        start.click(self._start, inputs, [player, station, said], validator=self._radio_problems,
                    api_visibility="private")  # fmt: skip
        for name, field in self._signals.items():
            field.submit(functools.partial(self._change, name), [field, station], said, api_visibility="private",
                         validator=functools.partial(self._change_problem, name))  # fmt: skip

    def _controls(self, model):
        """dict of a name of asking.STEERING to the options of its field: those that the model follows are shown."""
        metadata = self._site.catalogue.metadata(model)
        ranges = {row["name"]: row["range"] for row in metadata["conditioning"]}
        words = list(tags.rows_by_word(metadata))
        low, high = tempo.span(metadata)
        is_paced = "tempo" in ranges or bars.has_clock(metadata)
        told = {
            "bpm": ("Tempo, BPM", f"{low:.4g} to {high:.4g}", is_paced),
            "note_density": (
                "Note density",
                "a number, points such as 0:0.1,30s:0.8, or moving:0.45",
                "note_density" in ranges,
            ),
            "position": ("Place in the song", "body, plan, or a number from 0 to 1", "position" in ranges),
            "tags": ("Tags", f"such as {words[0]}=0.5; there are {', '.join(words)}" if words else "", bool(words)),
        }
        empty = {"position": "body", "note_density": "moving, drawn by the style"}
        return {
            name: {"label": label, "info": info, "visible": is_there, "value": "",
                   "placeholder": empty.get(name, "drawn by the style")}
            for name, (label, info, is_there) in told.items()
        }  # fmt: skip

    def _for_model(self, model):
        metadata = self._site.catalogue.metadata(model)
        fields = [gr.update(**options) for options in self._controls(model).values()]
        drawn = gr.update(visible=self._has_density(model))
        return [*fields, drawn, gr.update(visible=bars.has_clock(metadata), value="")]

    def _has_density(self, model):
        return any(row["name"] == "note_density" for row in self._site.catalogue.metadata(model)["conditioning"])

    def _drawn(self, value, model, length):
        """The text of a drawn density; of a length that is none yet, over the default one."""
        (row,) = (r for r in self._site.catalogue.metadata(model)["conditioning"] if r["name"] == "note_density")
        try:
            seconds = float(durations.parse(length))
        except UserError:
            seconds = float(durations.parse(LENGTHS[0]))
        return drawn_curve.points(value, seconds, *row["range"])

    def _problems(self, *values):
        """What is wrong, by field: Gradio shows it where it was typed."""
        return self._judged(asking.FIELDS, values, lambda fields: asking.parse(fields, *self._parsing()))

    def _radio_problems(self, *values):
        return self._judged(_RADIO_FIELDS, values, self._site.radio.parse)

    def _change_problem(self, name, value, station):
        playing, fine = self._site.radio.stations.get(station), gr.validate(True, "")
        if not playing:
            return [fine, fine]
        fields = playing.asked.fields()
        return [*self._judged([name], [value], lambda typed: self._site.radio.parse({**fields, **typed})), fine]

    @staticmethod
    def _judged(names, values, parse):
        try:
            parse(dict(zip(names, values, strict=True)))
        except asking.FieldError as error:
            field = error.field if error.field in names else names[0]
            return [gr.validate(name != field, str(error) if name == field else "") for name in names]
        return [gr.validate(True, "") for _ in names]

    def _parsing(self):
        return self._site.catalogue, self._site.limits

    async def _show(self, request: gr.Request, *values):
        """Player, link and command of a piece, once its beginning is there."""
        return self._shown(await self._begun(dict(zip(asking.FIELDS, values, strict=True))), request)

    async def _begun(self, fields):
        """`Site.begun`, whose errors the page shows."""
        with _errors_shown():
            return await self._site.begun(fields)

    @staticmethod
    def _shown(asked, request):
        query = asked.query()
        link = f"{str(request.base_url).rstrip('/')}/?{query}"
        player = _PLAYER.format(query=html_page.text(query), seconds=PICTURE_SECONDS)
        return player, gr.update(value=link, visible=True), gr.update(value=asked.command(), visible=True)

    async def _linked(self, request: gr.Request):
        """The fields of a link, and its piece."""
        fields, nothing = dict(request.query_params), [gr.skip()] * (len(asking.FIELDS) + 3)
        if "seed" not in fields:
            return nothing
        asked = await self._begun(fields)
        texts, options = asked.fields(), self._controls(asked.model)
        known = {**texts, "length": texts.get("length", LENGTHS[0]), "truncation": asked.truncation, "loop": asked.loop}
        fields = [gr.update(**{**options.get(name, {}), "value": known.get(name, "")}) for name in asking.FIELDS]
        return [*fields, *self._shown(asked, request)]

    async def _start(self, *values):
        """A radio that plays what the fields say, under a name that nobody else knows."""
        station = secrets.token_urlsafe(12)
        fields = {name: value for name, value in zip(_RADIO_FIELDS, values, strict=True) if value not in ("", None)}
        query = urllib.parse.urlencode({**fields, "station": station})
        return _RADIO.format(query=html_page.text(query)), station, ""

    async def _change(self, name, value, station):
        if station not in self._site.radio.stations:
            return ""
        with _errors_shown():
            asked = self._site.radio.change(station, {name: value})
        texts = dict(asked.steering)
        return f"From now on: {', '.join(f'{name} {text}' for name, text in texts.items()) or 'as the style draws it'}"

    async def make(
        self, model: str = "", length: str = "", bars: str = "", seed: int = 0, truncation: float = TRUNCATION,
        loop: bool = False, bpm: str = "", note_density: str = "", position: str = "", tags: str = "",
        request: gr.Request = None,
    ) -> dict:  # fmt: skip
        """Makes a piece; texts are as the flags of generate.py take them, "" is as by default.

        Returns:
          dict: addresses of the piece as wav, flac and picture, the link to its page, and the command that makes it.
        """
        values = (model, length, bars, seed, truncation, loop, bpm, note_density, position, tags)
        asked = await self._begun(dict(zip(asking.FIELDS, values, strict=True)))
        base, query = str(request.base_url).rstrip("/"), asked.query()
        links = {name: f"{base}/piece.{name}?{query}" for name in ("wav", "flac", "png")}
        return {**links, "link": f"{base}/?{query}", "command": asked.command()}


@contextlib.contextmanager
def _errors_shown():
    """Around what may go wrong by a visitor's doing: errors as Gradio shows and tells them."""
    try:
        yield
    except asking.FieldError as error:
        raise gr.Error(f"{error.field}: {error}", print_exception=False) from error
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from error
    except Busy:
        raise gr.Error(BUSY, print_exception=False) from None
