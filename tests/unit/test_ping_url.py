"""The URLs that clients of Healthchecks write, and the answers that they know for what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.intake.ping_url import Action, NotAPingError, Ping, read_ping

JOB = "5d8a0f0e-0000-4000-8000-000000000001"
RUN = "0b6e8a52-7f43-4a37-9d3c-0d7d64a1c001"
KEY = f"vgs_{'0' * 16}_{'1' * 64}"
LONGEST = "a" * 100


@pytest.mark.parametrize(
    ("path", "ping"),
    [
        (JOB, Ping(JOB)),
        (f"{JOB}/", Ping(JOB)),
        (f"{JOB}/start", Ping(JOB, action=Action.START)),
        (f"{JOB}/fail", Ping(JOB, action=Action.FAIL)),
        (f"{JOB}/log", Ping(JOB, action=Action.LOG)),
        (f"{JOB}/0", Ping(JOB, action=Action.SUCCESS, exit_code=0)),
        (f"{JOB}/00", Ping(JOB, action=Action.SUCCESS, exit_code=0)),
        (f"{JOB}/1", Ping(JOB, action=Action.FAIL, exit_code=1)),
        (f"{JOB}/255", Ping(JOB, action=Action.FAIL, exit_code=255)),
        (f"{KEY}/daily", Ping(KEY, "daily")),
        (f"{KEY}/start", Ping(KEY, "start")),
        (f"{KEY}/start/start", Ping(KEY, "start", Action.START)),
        (f"{KEY}/a_b-0/137", Ping(KEY, "a_b-0", Action.FAIL, 137)),
        (f"{KEY}/{LONGEST}/log", Ping(KEY, LONGEST, Action.LOG)),
        ("whatever/daily", Ping("whatever", "daily")),
        ("/daily", Ping("", "daily")),
    ],
)
def test_path_says_which_job_and_what_happened(path: str, ping: Ping) -> None:
    assert read_ping(path, "") == ping


BAD_URL, BAD_UUID = "invalid url format", "invalid uuid format"


@pytest.mark.parametrize(
    ("path", "query", "answer"),
    [
        (f"{JOB}/256", "", BAD_URL),
        (f"{JOB}/99999999999999999999", "", BAD_URL),
        (f"{JOB}/-1", "", BAD_URL),
        (f"{JOB}/١", "", BAD_URL),
        (f"{JOB}/stop", "", BAD_URL),
        (f"{JOB}/START", "", BAD_URL),
        (f"{JOB}/start/", "", BAD_URL),
        (f"{JOB}/start/1", "", BAD_URL),
        (f"{JOB}//", "", BAD_URL),
        (f"{KEY}/Daily", "", BAD_URL),
        (f"{KEY}/dail\u0131", "", BAD_URL),
        (f"{KEY}/", "", BAD_URL),
        (f"{KEY}/{LONGEST}a", "", BAD_URL),
        (f"{KEY}/daily/256", "", BAD_URL),
        (f"{KEY}/daily/", "", BAD_URL),
        (f"{KEY}/daily/start/now", "", BAD_URL),
        (KEY, "", BAD_URL),
        ("", "", BAD_UUID),
        (JOB.upper().replace("5D8A", "5D8AF"), "", BAD_UUID),
        (JOB.upper(), "", BAD_UUID),
        (JOB[:-1], "", BAD_UUID),
        (JOB, "rid=", BAD_UUID),
        (JOB, "rid=1", BAD_UUID),
        (JOB, f"rid={RUN}0", BAD_UUID),
        (f"{KEY}/daily", f"rid={RUN.replace('-', '')}", BAD_UUID),
        (JOB, "&".join("a=1" for _ in range(51)), BAD_URL),
    ],
)
def test_what_is_no_ping_has_the_answer_that_clients_know(path: str, query: str, answer: str) -> None:
    with pytest.raises(NotAPingError, match=f"^{answer}$"):
        read_ping(path, query)


@pytest.mark.parametrize(
    ("query", "run_id", "create"),
    [
        ("", None, False),
        (f"rid={RUN}", RUN, False),
        (f"rid={RUN.upper()}", RUN, False),
        (f"create=1&rid={RUN}", RUN, True),
        (f"rid=x&rid={RUN}", RUN, False),
        ("create=0", None, False),
        ("create", None, False),
        ("anything=else&create=1", None, True),
        ("%ff=%00", None, False),
    ],
)
def test_query_says_which_run_and_whether_to_create(query: str, run_id: str | None, create: bool) -> None:
    ping = read_ping(f"{KEY}/daily", query)
    assert (ping.run_id, ping.create) == (run_id, create)


def answer_to(path: str, query: str) -> str | None:
    try:
        read_ping(path, query)
    except NotAPingError as error:
        return str(error)
    return None


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_is_asked_is_a_ping_or_has_one_of_two_answers(path: str, query: str) -> None:
    assert answer_to(path, query) in (None, BAD_URL, BAD_UUID)
