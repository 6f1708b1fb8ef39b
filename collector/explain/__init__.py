"""What applies to a practice and why, for people: each setting with who said it, each deadline, each finding; pure."""
