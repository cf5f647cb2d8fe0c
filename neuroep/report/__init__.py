"""What a run leaves behind: its folder, page, figures and summaries."""
