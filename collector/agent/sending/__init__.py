"""From the disk to the collector: nothing leaves the spool before the collector has said that it is stored."""
