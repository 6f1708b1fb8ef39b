"""What a heartbeat passes through, from the practice's door to the provider's tickets."""
