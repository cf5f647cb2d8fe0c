"""What may come between a gradient and the weights: each a small file, put together by the optimiser."""
