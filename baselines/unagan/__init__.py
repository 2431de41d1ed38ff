"""An UNAGAN-style baseline: noise -> mel spectrogram by a GAN -> waveform by Griffin-Lim.

    noise [t, 20], and more at each scale -> generator -> log-mel [16 t, 80] -> Griffin-Lim -> waveform, 22,050 Hz

| word | meaning |
|---|---|
| frame | one column of the mel spectrogram, 256 samples: 86.1 a second |
| coarse noise | one random vector for every 16 frames, all independent |
| fine noise | fewer random numbers for every 8, 4, 2 and single frames |
| critic | an autoencoder of mel spectrograms that is to know real ones better than generated ones |
| equilibrium | `k`, which keeps the critic's error on generated spectrograms in proportion to that on real ones |
| convergence | BEGAN's measure of how far a training is: falls |
| cycle | noise -> spectrogram -> noise, and spectrogram -> noise -> spectrogram: both have to come out as they were |

After Liu, Chen, Yeh & Yang, Unconditional Audio Generation with Generative Adversarial Networks and Cycle
Regularization, Interspeech 2020 (arXiv 2005.08526). README.md says what differs from the paper.
"""
