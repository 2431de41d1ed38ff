"""Speed, as a ratio to what this machine can do: the arithmetic of the networks over a matrix product's rate.

    python -m benchmarks.generate       # coordinates -> waveform, by the bundle's functions
    python -m benchmarks.baseline       # the same with and without signals, and the UNAGAN-style baseline
    python -m benchmarks.encode         # waveform -> latents
    python -m benchmarks.train_step     # the GAN's step, and those of the autoencoder's phases
    python -m benchmarks.data           # how long these wait for their data

| word | meaning |
|---|---|
| arithmetic | floating-point operations of the convolutions and dense layers, two for a multiply-add; nothing else |
| GEMM rate | operations per second of the float32 product [4096, 2304] x [2304, 768] on all cores, same process |
| efficiency | arithmetic / GEMM rate / time taken: 1 would be a program that does nothing but perfect matrix products |

Seconds change from machine to machine and from hour to hour; efficiency hardly does.
"""
