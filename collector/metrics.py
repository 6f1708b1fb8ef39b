"""Every metric of the house. The registry is injected; gauges about the store are computed at scrape."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)


class IntakeMetrics:
    """What comes through the door."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.heartbeats = Counter("vigie_intake_heartbeats", "Heartbeats by outcome", ["outcome"], registry=registry)
        self.refused = Counter(
            "vigie_intake_refused_requests", "Requests refused, by status", ["status"], registry=registry
        )
        self.pings = Counter("vigie_intake_pings", "Pings answered well", registry=registry)
        self.mails = Counter("vigie_intake_mails", "Mails by outcome", ["outcome"], registry=registry)
        self.commit_seconds = Histogram(
            "vigie_intake_commit_seconds", "Time of one group commit", buckets=_FAST, registry=registry
        )
        self.commit_heartbeats = Histogram(
            "vigie_intake_commit_heartbeats",
            "Heartbeats that shared a commit",
            buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000),
            registry=registry,
        )


class WorkerMetrics:
    """Judging and delivering."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.judged = Counter("vigie_worker_judged_practices", "Practices judged", registry=registry)
        self.judge_seconds = Histogram(
            "vigie_worker_judge_seconds",
            "Time to judge a few practices at once, database included",
            buckets=_FAST,
            registry=registry,
        )
        self.failed = Counter("vigie_worker_failures", "Steps that raised, by step", ["step"], registry=registry)
        self.incidents = Counter(
            "vigie_worker_incident_changes", "Changes of incidents", ["rule", "what"], registry=registry
        )
        self.deliveries = Counter(
            "vigie_worker_deliveries", "Deliveries by channel and outcome", ["channel", "outcome"], registry=registry
        )
        self.polls = Counter(
            "vigie_ticket_polls", "Looks at what people did in a ticket system, by outcome", ["channel", "outcome"],
            registry=registry,
        )  # fmt: skip
        self.resends = Counter(
            "vigie_alert_resends", "Rounds in which an Alertmanager was told again what lasts, by outcome",
            ["channel", "outcome"], registry=registry,
        )  # fmt: skip
        self.delivery_seconds = Histogram(
            "vigie_delivery_seconds", "Time of one delivery, by channel", ["channel"], buckets=_SLOW, registry=registry
        )
        self.breaker_open = Gauge(
            "vigie_channel_breaker_open", "1 while a channel takes nothing and is left alone", ["channel"],
            registry=registry,
        )  # fmt: skip
        self.waiting = Gauge(
            "vigie_outbox_waiting_messages", "Messages not yet delivered, at scrape", ["channel"], registry=registry
        )
        self.waiting_seconds = Gauge(
            "vigie_outbox_oldest_seconds", "Age of the oldest of these, at scrape", ["channel"], registry=registry
        )
        self.dead = Gauge(
            "vigie_outbox_dead_messages", "Messages that were given up, at scrape", ["channel"], registry=registry
        )
        self.overdue = Gauge(
            "vigie_overdue_steps", "Steps of ours that should have been taken, at scrape", ["step"], registry=registry
        )
        self.watchdog = Counter(
            "vigie_watchdog_pings", "Pings of the watchdog by outcome", ["outcome"], registry=registry
        )
        self.template_failures = Counter(
            "vigie_template_failures", "Messages written plainly because their template failed", ["template"],
            registry=registry,
        )  # fmt: skip
        self.unsent = Gauge("vigie_outbox_unsent_messages", "Messages not yet delivered, at scrape", registry=registry)
        self.arrivals_expected = Gauge(
            "vigie_arrivals_expected_per_second", "Heartbeats that the fleet owes, at scrape", registry=registry
        )
        self.arrivals = Gauge("vigie_arrivals_per_second", "Heartbeats that arrive, at scrape", registry=registry)
        self.shortfall = Gauge(
            "vigie_shortfall_open", "1 while far fewer arrive than are owed, at scrape", registry=registry
        )
        self.sweeps = Counter("vigie_worker_sweeps", "Sweeps by what started them", ["by"], registry=registry)


class ApiMetrics:
    """What people and programs read."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.request_seconds = Histogram(
            "vigie_api_request_seconds", "Time of a request", ["route", "status"], buckets=_FAST, registry=registry
        )


def new_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry
