// The page: a seed, a tempo, a button; sound is scheduled block after block, a few seconds ahead.

const AHEAD_SECONDS = 6;
const $ = (id) => document.getElementById(id);
const folder = new URL(new URLSearchParams(location.search).get("model") ?? "model", location.href).href;
let piece = null;

class Piece {
  constructor() {
    this.context = new AudioContext();
    this.begin = performance.now();
    this.worker = new Worker("worker.js", { type: "module" });
    this.worker.onmessage = ({ data }) => this.take(data);
    const given = $("bpm").value ? { tempo: Number($("bpm").value) } : {};
    this.worker.postMessage({ folder, options: { seed: Number($("seed").value), given } });
  }

  take({ ready, block, failed }) {
    if (failed) return this.stop(failed);
    if (ready) {
      this.rate = ready.sample_rate;
      this.made = 0;
    } else this.schedule(block);
    const wait = this.end ? (this.end - this.context.currentTime - AHEAD_SECONDS) * 1000 : 0;
    this.timer = setTimeout(() => {
      this.asked = performance.now();
      this.worker.postMessage("next");
    }, Math.max(wait, 0));
  }

  schedule(block) {
    const seconds = block[0].length / this.rate, took = (performance.now() - this.asked) / 1000;
    const buffer = this.context.createBuffer(2, block[0].length, this.rate);
    block.forEach((side, i) => buffer.copyToChannel(side, i));
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    const now = this.context.currentTime + 0.05;
    this.end ??= now;
    source.start(Math.max(this.end, now));
    this.end = Math.max(this.end, now) + seconds;
    this.first ??= (performance.now() - this.begin) / 1000;
    this.made += seconds;
    this.say(`first sound after ${this.first.toFixed(2)} s; ${(seconds / took).toFixed(1)} times real time; `
      + `${this.made.toFixed(1)} s made`);
  }

  say(text) {
    $("status").textContent = text;
  }

  stop(text = "") {
    clearTimeout(this.timer);
    this.worker.terminate();
    this.context.close();
    piece = null;
    $("play").textContent = "Play";
    if (text) this.say(text);
  }
}

$("play").onclick = () => {
  if (piece) return piece.stop();
  piece = new Piece();
  $("play").textContent = "Stop";
  piece.say("loading the model ...");
};
