"""Estimators of the gradient: which phases they take, and what their contrasts are summed from."""
