"""Machines that the configuration knows by name are found by what reports, and a name that is not clear waits."""

from uuid import UUID

from collector.model.placing import placed
from collector.model.policy import Policy, awaited
from collector.model.subject import endpoint_subject, job_subject
from tests.factories import ENDPOINT, HOUR, PRACTICE, endpoint_state, job_policy, job_state, policy, snapshot

OTHER = UUID(int=9)
STANDS = awaited(PRACTICE, "SRV-01")
WAITING = job_subject(STANDS, "daily")
FOUND = job_subject(ENDPOINT, "daily")


def named(**more: object) -> Policy:
    return policy([job_policy(endpoint_id=STANDS)], machines={STANDS: "SRV-01"}, **more)


def test_a_name_that_nobody_bears_waits() -> None:
    assert placed(named(), snapshot([endpoint_state(name="SRV-02")])).jobs.keys() == {WAITING}


def test_the_one_machine_of_the_name_has_the_job() -> None:
    jobs = placed(named(), snapshot([endpoint_state()])).jobs
    assert [(subject, job.endpoint_id) for subject, job in jobs.items()] == [(FOUND, ENDPOINT)]


def test_of_two_machines_neither_has_it_until_one_is_retired() -> None:
    both = snapshot([endpoint_state(), endpoint_state(endpoint_id=OTHER)])
    assert placed(named(), both).jobs.keys() == {WAITING}
    retired = {endpoint_subject(OTHER): "replaced"}
    assert placed(named(retired=retired), both).jobs.keys() == {FOUND}


def test_a_machine_that_is_retired_takes_its_jobs_along_until_another_of_its_name_reports() -> None:
    retired = {endpoint_subject(ENDPOINT): "replaced"}
    alone = placed(named(retired=retired), snapshot([endpoint_state()]))
    assert alone.retirement(FOUND) == "replaced"
    both = snapshot([endpoint_state(), endpoint_state(endpoint_id=OTHER)])
    assert placed(named(retired=retired), both).jobs.keys() == {job_subject(OTHER, "daily")}


def test_a_schedule_set_for_the_machine_by_its_id_goes_before() -> None:
    own = job_policy(endpoint_id=ENDPOINT, grace=3 * HOUR)
    both = policy([own, job_policy(endpoint_id=STANDS)], machines={STANDS: "SRV-01"})
    assert placed(both, snapshot([endpoint_state()])).jobs == {FOUND: own}


def test_a_job_that_was_told_of_under_the_name_stays_there() -> None:
    told = snapshot([endpoint_state()], [job_state(endpoint_id=STANDS)])
    assert placed(named(), told).jobs.keys() == {WAITING}


def test_a_retirement_by_name_holds_for_every_machine_so_called() -> None:
    both = snapshot([endpoint_state(), endpoint_state(endpoint_id=OTHER)])
    by_name = policy(machines={STANDS: "SRV-01"}, retired={endpoint_subject(STANDS): "old", WAITING: "moved"})
    after = placed(by_name, both)
    assert after.retirement(endpoint_subject(ENDPOINT)) == after.retirement(endpoint_subject(OTHER)) == "old"
    assert after.retired[FOUND] == "moved"


def test_placing_twice_is_placing_once() -> None:
    seen = snapshot([endpoint_state()])
    assert placed(placed(named(), seen), seen) == placed(named(), seen)
