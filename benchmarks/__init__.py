"""Speed, as a ratio to what this machine can do: the arithmetic of the networks over a matrix product's rate.

    python -m benchmarks.generate       # coordinates -> waveform, by the bundle's functions
    python -m benchmarks.baseline       # the same with and without signals, and the UNAGAN-style baseline
    python -m benchmarks.encode         # waveform -> latents
    python -m benchmarks.peers          # other codecs beside ours, in an environment of their own
    python -m benchmarks.published      # the published code beside ours, from a checkout of it
    python -m benchmarks.train_step     # the GAN's step, and those of the autoencoder's phases
    python -m benchmarks.data           # how long these wait for their data
    python -m benchmarks.startup        # a new process: how long until there is music (in seconds, no ratios)
    python -m benchmarks.scale          # pieces of a minute to an hour, late starts, two workers

| word | meaning |
|---|---|
| arithmetic | floating-point operations of the convolutions and dense layers, two for a multiply-add; nothing else |
| GEMM rate | operations per second of a float32 matrix product on all cores, same process, the best of several shapes |
| efficiency | arithmetic / GEMM rate / time taken: 1 would be a program that does nothing but perfect matrix products |
| round | matrix products, what is measured, matrix products: both meet the same disturbance; a row has the median |
| by CPU seconds | the same by the CPU time of all cores, which other programs disturb less than the clock |

Seconds change from hour to hour, and with them the rates; the ratios of rounds hardly do. From one kind of processor
to another they do: `ONEDNN_MAX_CPU_ISA=AVX2` before a command stands for those without AVX-512.
"""
