"""What one can ask of a network on a chip: train it, bill it, check its gradients, age it, take its effects away."""
