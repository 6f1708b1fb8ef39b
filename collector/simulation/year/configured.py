"""The configuration of a simulated practice, as its provider would write it."""

from collector.model.policy import JobPolicy, Policy
from collector.model.rule_settings import BackupFailed, Retries, RpoBreached, RuleSettings, Setting
from collector.simulation.year.plan import JobPlan, PracticePlan


def policy_of(plan: PracticePlan) -> Policy:
    return Policy(
        practice_id=plan.practice_id,
        version=1,
        practice=plan.name,
        zone=plan.zone,
        calendar=plan.calendar,
        jobs={job.subject: _job(job) for job in plan.jobs},
        job_rules={job.subject: rules for job in plan.jobs if (rules := _rules(job)) is not None},
    )


def _job(job: JobPlan) -> JobPolicy:
    return JobPolicy(
        endpoint_id=job.machine.endpoint_id,
        job=job.name,
        schedule=job.schedule,
        grace=job.grace,
        rpo=job.rpo,
        since=job.since,
    )


def _rules(job: JobPlan) -> RuleSettings | None:
    """What differs from the defaults: retries that count as one, a desk's age in open hours, and no tests of desks."""
    update: dict[str, Setting] = {}
    if job.retries:
        update["backup_failed"] = BackupFailed(retries=Retries.BEST)
    if job.open_rpo:
        update["rpo_breached"] = RpoBreached(open_time=True)
    if job.tests_every is None:
        update["restore_test"] = RuleSettings().restore_test.model_copy(update={"enabled": False})
    return RuleSettings().model_copy(update=update) if update else None
