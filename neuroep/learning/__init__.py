"""From free and nudged equilibria to contrasts, updates and trained networks."""
