"""Configuration as code: files read with every mistake named, and compiled into the policy of each practice; pure."""
