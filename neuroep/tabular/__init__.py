"""Tables as people's programs write them: text with any usual separator and decimal sign, and spreadsheets."""
