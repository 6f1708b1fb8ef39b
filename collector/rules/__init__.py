"""What Vigie says is wrong: one rule a file, all pure; siblings of escalation and store."""
