"""What the agent calls itself; a provider must see which practices run an old one."""

AGENT = "vigie-agent"
VERSION = "0.1.0"
