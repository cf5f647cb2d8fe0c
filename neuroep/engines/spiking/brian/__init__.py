"""brian2 (Stimberg, Brette & Goodman, eLife 2019), kept to itself: equations in, trajectories and spike trains out."""
