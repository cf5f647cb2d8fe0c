"""How fast it is: a step against backprop's, kernels against data sheets, time against size."""
