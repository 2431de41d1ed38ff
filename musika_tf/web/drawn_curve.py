"""A field to draw a curve into, by mouse or finger; what is drawn becomes the points that a text field takes."""

import gradio as gr
import numpy as np

from musika_tf.conditioning import curves

_MOST_POINTS = 12
_CANVAS = """<canvas width="600" height="90" aria-label="Draw a curve"
  style="width: 100%; height: 90px; border: 1px dashed #888; touch-action: none"></canvas>"""
# The value is "x:y,x:y,...", both from 0 to 1, x from left to right and y from the bottom up.
_DRAW = """
const canvas = element.querySelector("canvas"), context = canvas.getContext("2d");
let points = null;
const add = (event) => {
  const box = canvas.getBoundingClientRect();
  const share = (at, from, size) => Math.min(Math.max((at - from) / size, 0), 1);
  points.push([share(event.clientX, box.left, box.width), 1 - share(event.clientY, box.top, box.height)]);
  context.clearRect(0, 0, 600, 90);
  context.strokeStyle = "#f97316";
  context.lineWidth = 3;
  context.beginPath();
  points.forEach(([x, y]) => context.lineTo(600 * x, 90 * (1 - y)));
  context.stroke();
};
canvas.addEventListener("pointerdown", (event) => {
  points = [];
  canvas.setPointerCapture(event.pointerId);
  add(event);
});
canvas.addEventListener("pointermove", (event) => points && add(event));
canvas.addEventListener("pointerup", () => {
  props.value = points.map(([x, y]) => x.toFixed(4) + ":" + y.toFixed(4)).join(",");
  points = null;
  trigger("input");
});
"""


def field(**options):
    """A gr.HTML to draw into; its event `input` comes when a curve is drawn. Its value is for `points`."""
    return gr.HTML("", html_template=_CANVAS, js_on_load=_DRAW, **options)


def points(value, seconds, lowest, highest):
    """The text of a drawn curve over `seconds`, its values within `lowest` .. `highest`: such as "0:0.1,30:0.8".

    A line that goes back is taken from its rightmost places on; "" where there is nothing.
    """
    pairs = [pair.split(":") for pair in (value or "").split(",") if pair]
    line = np.array(pairs, np.float64).reshape(-1, 2)
    if not len(line):
        return ""
    farthest = np.maximum.accumulate(line[:, 0])
    forward = np.concatenate([[True], np.diff(farthest) > 0])
    times, values = line[forward].T
    at = np.linspace(times[0], times[-1], min(_MOST_POINTS, len(times)))
    levels = np.round(lowest + (highest - lowest) * np.interp(at, times, values), 3)
    return curves.Curve(np.round(at * seconds, 2), np.clip(levels, lowest, highest)).text
