"""What a run cost: joules and seconds from its ledger, data movement from its access trace."""
