"""Which way a step runs, and why: as it is written, captured, as a CUDA graph, or through `torch.compile`."""
