// fft.js is CommonJS: here is where it puts what it exports. To be imported before it.
globalThis.module = {};
