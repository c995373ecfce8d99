"""Prometheus metrics: counters of this process, and gauges read from the database when asked."""

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from bot.bootstrap import Store
from bot.domain.errors import JourneymanError


class Metrics:
    """The metrics of one receiver."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._registry = CollectorRegistry()
        self.deliveries = Counter(
            "journeyman_deliveries", "Webhook requests by outcome.", ["outcome"], registry=self._registry
        )
        self._jobs = Gauge("journeyman_jobs", "Durable jobs by state.", ["state"], registry=self._registry)
        self._runs = Gauge("journeyman_runs", "Runs by state.", ["state"], registry=self._registry)
        self._up = Gauge("journeyman_database_up", "1 when the database answers.", registry=self._registry)

    def render(self) -> bytes:
        """Return the exposition text."""
        try:
            jobs, runs = self._store.jobs.counts(), self._store.ledger.run_states()
        except JourneymanError:
            self._up.set(0)
        else:
            self._up.set(1)
            for gauge, counts in ((self._jobs, jobs), (self._runs, runs)):
                gauge.clear()
                for state, count in counts.items():
                    gauge.labels(state).set(count)
        return generate_latest(self._registry)
