"""What looking and sending both stand on: the contract, the clock, files that survive, who we are."""
