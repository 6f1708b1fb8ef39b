"""Stories of incidents that try an escalation policy: who is told what, when and how, without a database."""
