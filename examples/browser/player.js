// Plays what `musika-tf export --format=onnx` wrote, by onnxruntime-web: the piece of examples/numpy_player.py, step by
// step. Nothing here knows of the page: `for await (const [left, right] of player.stream()) ...`

import "./commonjs.js";
import "./node_modules/fft.js/lib/fft.js";
import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";

const FFT = globalThis.module.exports;
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

// Random numbers: Philox 4x32-10 (Salmon et al. 2011).

function highProduct(a, b) {
  const low = (a & 0xffff) * (b >>> 0);
  return Math.floor(((a >>> 16) * (b >>> 0) + Math.floor(low / 65536)) / 65536) >>> 0;
}

function philox([c0, c1, c2, c3], k0, k1) {
  for (let round = 0; round < 10; round++) {
    const high0 = highProduct(0xd2511f53, c0), low0 = Math.imul(0xd2511f53, c0);
    const high1 = highProduct(0xcd9e8d57, c2), low1 = Math.imul(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0];
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  return [c0, c1, c2, c3];
}

const low32 = (big) => Number(BigInt.asUintN(32, big));
const halves = (big) => [low32(big), low32(big >> 32n)];

// Row `row` of an endless table of numbers in [0, 1), a whole number of blocks of four.
function uniform(seed, stream, row, size) {
  const mixed = philox([...halves(BigInt(seed)), stream, 0], 0x3ec8f720, 0x02461e29);
  const blocks = Math.ceil(size / 4), result = new Float32Array(4 * blocks);
  const start = BigInt(row) * BigInt(blocks) + (1n << 48n);
  for (let i = 0; i < blocks; i++) {
    const bits = philox([...halves(start + BigInt(i)), mixed[2], mixed[3]], mixed[0], mixed[1]);
    for (let j = 0; j < 4; j++) result[4 * i + j] = (bits[j] & 0x7fffff) / 8388608;
  }
  return result;
}

// N(0, 1) by Box and Muller.
export function normal(seed, stream, row, size) {
  const u = uniform(seed, stream, row, size);
  for (let i = 0; i < u.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(Math.max(u[i], 1e-7))), angle = 2 * Math.PI * u[i + 1];
    u[i] = Math.sin(angle) * radius;
    u[i + 1] = Math.cos(angle) * radius;
  }
  return u.subarray(0, size);
}

// The cumulative distribution of N(0, 1), by its series: x + x^3 / 3 + x^5 / (3 * 5) + ...
function cumulative(x) {
  let sum = x, term = x;
  for (let k = 3; Math.abs(term) > 1e-16; k += 2) sum += term *= (x * x) / k;
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

// N(0, 1) within +-bound, by inversion: bisection of the cumulative distribution.
export function truncatedNormal(seed, stream, row, size, bound) {
  const u = uniform(seed, stream, row, size).subarray(0, size), tail = Math.fround(cumulative(-bound));
  return u.map((x) => {
    const share = Math.fround(tail + Math.fround((x + 2 ** -24) * Math.fround(1 - 2 * tail)));
    let low = -bound - 1, high = bound + 1;
    while (high - low > 1e-9) {
      const middle = (low + high) / 2;
      if (cumulative(middle) < share) low = middle;
      else high = middle;
    }
    return low;
  });
}

export class Player {
  // `folder`: URL of what was exported. `given`: values of signals, such as {tempo: 128}.
  static async load(folder, { seed = 0, truncation = 2, given = {} } = {}) {
    const answer = await fetch(`${folder}/player.json`);
    if (!answer.ok) throw new Error(`${folder}/player.json: ${answer.status}; name a folder that musika-tf export wrote`);
    const about = await answer.json(), sessions = {};
    for (const [name, { file }] of Object.entries(about.networks))
      if (!name.startsWith("encoder")) sessions[name] = await ort.InferenceSession.create(`${folder}/${file}`);
    return new Player(about, sessions, seed, truncation, given);
  }

  constructor(about, sessions, seed, truncation, given) {
    Object.assign(this, { about, sessions, seed, truncation, given, made: { generated: new Map(), refined: new Map() } });
    this.fft = new FFT(about.fft_length);
    this.spectrum = this.fft.createComplexArray();
    this.time = this.fft.createComplexArray();
    this.window = Float64Array.from({ length: about.fft_length }, (_, i) =>
      (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / about.fft_length)) / 1.5);
  }

  // A network's outputs, in the order of player.json, of its inputs by name.
  async run(name, inputs) {
    const { inputs: shapes, outputs } = this.about.networks[name], feeds = {};
    for (const [key, values] of Object.entries(inputs)) feeds[key] = new ort.Tensor("float32", values, shapes[key]);
    const made = await this.sessions[name].run(feeds);
    return outputs.map((key) => made[key].data);
  }

  noise(name, index, size = this.about.networks[name].inputs.noise[1]) {
    return normal(this.seed, this.about.streams[`${name}_noise`], index, size);
  }

  drawn(row, bound) {
    return truncatedNormal(this.seed, this.about.streams.conditioning, row, 1, bound)[0];
  }

  bpm() {
    if ("tempo" in this.given) return this.given.tempo;
    const [low, high] = this.about.tempo_range;
    const whole = Math.round((low + high) / 2 + ((this.drawn(0, 2) / 2) * (high - low)) / 2);
    return clamp(clamp(whole, Math.ceil(low), Math.floor(high)), low, high);
  }

  // A function of a position to the values of a signal's channels, in their unit.
  signal(row) {
    if (row.kind === "clock") {
      const bpm = this.bpm(), { samples_per_latent: size, sample_rate: rate } = this.about;
      return (position) => {
        const bars = ((((position + 0.5) * size) / rate) * bpm) / 60 / row.beats_per_bar;
        const angles = row.harmonics.map((k) => 2 * Math.PI * (bars - Math.floor(bars)) * k);
        return [...angles.map(Math.cos), ...angles.map(Math.sin)];
      };
    }
    const value = this.held(row);
    return () => [value];
  }

  held(row) {
    if (row.name in this.given) return this.given[row.name];
    if (row.kind === "tempo") return this.bpm();
    if (row.kind === "liked") {
      const liking = normal(this.seed, this.about.streams.conditioning, row.row, row.n_values);
      const likings = liking.subarray(0, row.pieces.length);
      return row.pieces[likings.indexOf(Math.max(...likings))];
    }
    return clamp(row.centre + row.spread * this.drawn(row.row, 1), row.lowest[0], row.highest[0]);
  }

  // Coordinates of the generator's window `index`, [window][channels].
  coordinates(index) {
    const { window, anchor_size: size, anchor_spacing: spacing, streams, conditioning } = this.about;
    const style = truncatedNormal(this.seed, streams.style, 0, size, this.truncation);
    const signals = conditioning.map((row) => [row, this.signal(row)]);
    const anchors = new Map(), result = [];
    const anchor = (k) => {
      if (!anchors.has(k)) anchors.set(k, truncatedNormal(this.seed, streams.anchors, k, size, this.truncation));
      return anchors.get(k);
    };
    for (let position = index * window; position < (index + 1) * window; position++) {
      const place = (2 * position + 1 - window) / (2 * spacing), before = Math.floor(place), share = place - before;
      const left = anchor(before), right = anchor(before + 1);
      for (let k = 0; k < size; k++) result.push(left[k] * (1 - share) + right[k] * share);
      result.push(...style);
      for (const [row, values] of signals)
        values(position).forEach((value, k) => result.push((value - row.mean[k]) / row.deviation[k]));
    }
    return Float32Array.from(result);
  }

  // The generator's window `index`: latents, the refiner's noise on them, and the conditioning that they follow.
  async generated(index) {
    const { window, anchor_size: size, latent_mean: mean, latent_deviation: deviation } = this.about;
    const coordinates = this.coordinates(index), channels = coordinates.length / window, n = mean.length;
    const [latents] = await this.run("generator", { coordinates, noise: this.noise("generator", index) });
    return {
      latents: latents.map((x, i) => x * deviation[i % n] + mean[i % n]),
      noise: this.about.refiner && this.noise("refiner", index, latents.length),
      conditioning: coordinates.filter((_, i) => i % channels >= 2 * size),
    };
  }

  // Latents of window `index`, which a refiner makes of those generated and of the ends of its neighbours.
  async refined(index) {
    const { window, refiner, networks } = this.about, three = [], inputs = {};
    if (!refiner) return (await this.generated(index)).latents;
    for (let i = index - 1; i <= index + 1; i++) three.push(await this.once("generated", i));
    for (const key of Object.keys(networks.refiner.inputs)) {
      const all = three.flatMap((made) => [...made[key]]), n = all.length / (3 * window);
      inputs[key] = Float32Array.from(all.slice((window - refiner.margin) * n, (2 * window + refiner.margin) * n));
    }
    return (await this.run("refiner", inputs))[0];
  }

  // What the method `kind` makes of a window, kept until three later ones are made.
  async once(kind, index) {
    const made = this.made[kind];
    if (!made.has(index)) {
      if (made.size > 2) made.delete(Math.min(...made.keys()));
      made.set(index, await this[kind](index));
    }
    return made.get(index);
  }

  // The latent at a position.
  async latent(position) {
    const { window, latent_mean: { length: n } } = this.about, index = Math.floor(position / window);
    const place = position - index * window, latents = await this.once("refined", index);
    return latents.subarray(place * n, (place + 1) * n);
  }

  // Amplitude, cosine and sine of the phase of one channel of a decoder window.
  async decoded(window, channel, latents) {
    const { latent_size: size, spectrum } = this.about, own = latents.slice(1, -1);
    const coded = Float32Array.from(own.flatMap((x) => [...x.subarray(channel * size, (channel + 1) * size)]));
    const [level1] = await this.run("decoder2", { latents: coded, noise: this.noise("decoder2", window) });
    const [magnitude, cosine, sine] = await this.run("decoder1", { level1, noise: this.noise("decoder1", window) });
    const amplitude = magnitude.map((x) =>
      Math.sqrt(10 ** ((x * spectrum.db_range - spectrum.db_offset) / 10) + spectrum.floor));
    return [amplitude, cosine, sine];
  }

  // Parametric stereo: what the decoded channel is multiplied by in a frame, [side][band] as [real, imaginary].
  turns(frame, latents) {
    const { frames_per_latent: n, latent_size: size, stereo: { bands } } = this.about;
    const place = (frame + 0.5) / n + 0.5, before = Math.floor(place), share = place - before;
    const number = (k) => clamp(latents[before][size + k] * (1 - share) + latents[before + 1][size + k] * share, -1, 1);
    const sides = [[], []];
    for (let k = 0; k < bands; k++) {
      const pan = number(k), half = ((1 - number(bands + k)) * Math.PI) / 4;
      const [left, right] = [1 - pan, 1 + pan].map((x) => Math.SQRT2 * Math.sin((Math.PI / 4) * x));
      const tilt = Math.atan2((right - left) * Math.sin(half), (left + right) * Math.cos(half));
      sides[0].push([left * Math.cos(tilt + half), left * Math.sin(tilt + half)]);
      sides[1].push([right * Math.cos(tilt - half), right * Math.sin(tilt - half)]);
    }
    return sides;
  }

  // Adds the frames of a decoder window to the sums of both sides.
  async addWindow(window, sums) {
    const { window_latents: step, frames_per_latent: n, hop_length: hop, stereo } = this.about;
    const latents = [];
    for (let i = -1; i <= step; i++) latents.push(await this.latent(window * step + i));
    const channels = [await this.decoded(window, 0, latents)];
    if (stereo.layout !== "parametric") channels.push(await this.decoded(window, 1, latents));
    for (let frame = 0; frame < step * n; frame++) {
      this.inverse(frame, channels, stereo, channels.length > 1 ? null : this.turns(frame, latents));
      for (let i = 0; i < this.window.length; i++) {
        sums[0][frame * hop + i] += this.time[2 * i] * this.window[i];
        sums[1][frame * hop + i] += this.time[2 * i + 1] * this.window[i];
      }
    }
  }

  // Both sides of a frame in one transform: left as the real part, right as the imaginary one.
  inverse(frame, channels, stereo, turns) {
    const length = this.window.length, bins = length / 2 + 1, z = this.spectrum;
    const side = (which, k) => {
      const [amplitude, cosine, sine] = channels[turns ? 0 : which], i = frame * bins + k;
      const real = amplitude[i] * cosine[i], imaginary = k % (bins - 1) ? amplitude[i] * sine[i] : 0;
      if (!turns) return [real, imaginary];
      const full = amplitude[i] * sine[i], [a, b] = turns[which][stereo.band_of_bin[k]], turn = b * stereo.turns[k];
      return [real * a - full * turn, k % (bins - 1) ? real * turn + full * a : 0];
    };
    for (let k = 0; k < bins; k++) {
      const [a, b] = side(0, k), [c, d] = side(1, k), mirror = (length - k) % length;
      z[2 * mirror] = a + d;
      z[2 * mirror + 1] = c - b;
      z[2 * k] = a - d;
      z[2 * k + 1] = b + c;
    }
    this.fft.inverseTransform(this.time, z);
  }

  limited(sample) {
    const { knee, ceiling } = this.about.limiter, inside = clamp(sample, -knee, knee);
    return inside + (ceiling - knee) * Math.tanh((sample - inside) / (ceiling - knee));
  }

  // Yields consecutive [left, right], Float32Arrays, from latent `first` on; without `nLatents` there is no end.
  async *stream(first = 0, nLatents = Infinity) {
    const { window_latents: step, samples_per_latent: per, hop_length: hop, fft_length: length } = this.about;
    const n = step * per, edge = (length - hop) / 2, start = first * per, end = (first + nLatents) * per;
    const sums = [new Float64Array(n + 3 * hop), new Float64Array(n + 3 * hop)];
    for (let window = Math.floor((first - 1) / step); window * n - edge < end; window++) {
      await this.addWindow(window, sums);
      const at = window * n - edge, from = Math.max(start - at, 0), to = Math.min(end - at, n);
      const block = sums.map((side) => Float32Array.from(side.subarray(from, to), (x) => this.limited(x)));
      for (const side of sums) side.copyWithin(0, n).fill(0, 3 * hop);
      if (to > from) yield block;
    }
  }
}
