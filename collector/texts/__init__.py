"""What incidents are called and what they mean, in the languages that we speak; pages and messages say the same."""
