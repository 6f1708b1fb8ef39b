"""From findings to what is to be said, to whom, and when: all pure; sibling of rules and store."""
