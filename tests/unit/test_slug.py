"""The name of a job in a ping's URL, and which job it means."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.intake.slugs import AmbiguousSlugError, UnknownSlugError, the_job
from collector.model.slug import SLUG, slug_of
from collector.store.job_slugs import SlugJob

ONE, OTHER = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("job", "slug"),
    [
        ("daily", "daily"),
        ("Sauvegarde générale", "sauvegarde-generale"),
        ("  Base de données (SQL)  ", "base-de-donnees-sql"),
        ("a_b-c--d", "a_b-c-d"),
        ("C:\\Praxis\\DATA", "c-praxis-data"),
        ("Straße", "strasse"),
        ("x" * 100, "x" * 100),
        ("x" * 99 + " y", "x" * 99),
        ("---", None),
        ("備份", None),
    ],
)
def test_slug_of_a_job_is_its_name_folded(job: str, slug: str | None) -> None:
    assert slug_of(job) == slug


@given(st.text(max_size=120))
def test_slug_of_any_name_fits_a_url_and_is_its_own(job: str) -> None:
    slug = slug_of(job)
    if slug is not None:
        assert SLUG.fullmatch(slug)
        assert slug_of(slug) == slug


@pytest.mark.parametrize(
    ("meant", "job"),
    [
        ([SlugJob(None, "daily")], SlugJob(None, "daily")),
        ([SlugJob(ONE, "daily")], SlugJob(ONE, "daily")),
        ([SlugJob(ONE, "daily"), SlugJob(None, "daily"), SlugJob(OTHER, "daily")], SlugJob(None, "daily")),
    ],
)
def test_whole_practices_job_wins_over_those_of_machines(meant: list[SlugJob], job: SlugJob) -> None:
    assert the_job(meant) == job


@pytest.mark.parametrize(
    ("meant", "error"),
    [
        ([], UnknownSlugError),
        ([SlugJob(ONE, "daily"), SlugJob(OTHER, "daily")], AmbiguousSlugError),
        ([SlugJob(None, "daily"), SlugJob(None, "Daily")], AmbiguousSlugError),
    ],
)
def test_slug_of_no_job_or_of_several_means_none(meant: list[SlugJob], error: type[Exception]) -> None:
    with pytest.raises(error):
        the_job(meant)
