"""Which colour means what, the same in every panel; unknown is never green."""

from datetime import timedelta

from dashboards.sdk import build, model

RED, ORANGE, YELLOW, GREEN, BLUE, GREY = "red", "orange", "yellow", "green", "blue", "#8e8e8e"

# Named as the column of a count of each is; the last is one of endpoints and jobs only.
STATES: dict[str, tuple[str, str]] = {
    "critical": ("Critical", RED),
    "warning": ("Warning", ORANGE),
    "unknown": ("Unknown", GREY),
    "ok": ("OK", GREEN),
    "retired": ("Retired", BLUE),
}

# Beside those that a state is spelled like.
SEVERITIES: dict[str, tuple[str, str]] = {"notice": ("Notice", YELLOW)}

# Kerberos refuses a clock that is further off. Source: RFC 4120, 1.6; Windows' default as well.
SKEW_REFUSED = timedelta(minutes=5)
SKEW_NOTABLE = timedelta(minutes=1)  # beyond what NTP leaves on any network

# A list of patches older than this says nothing about today. Source: the setting `stale` of patches_overdue.
SCAN_STALE = timedelta(days=7)


def state_texts() -> list[model.ValueMapping]:
    """Words and colours of states and severities, which are spelled alike."""
    return [
        model.ValueMap(
            options={
                state: model.ValueMappingResult(text=text, color=color, index=index)
                for index, (state, (text, color)) in enumerate((STATES | SEVERITIES).items())
            }
        )
    ]


def null_text(text: str, color: str) -> list[model.ValueMapping]:
    """What nothing at all means."""
    result = model.ValueMappingResult(text=text, color=color, index=0)
    options = model.DashboardSpecialValueMapOptions(match=model.SpecialValueMatch.NULL, result=result)
    return [model.SpecialValueMap(options=options)]


def thresholds(base: str, *steps: tuple[float, str]) -> build.ThresholdsConfig:
    """`base` below the first step; each step's colour from its value on."""
    first = model.Threshold(value=None, color=base)
    rest = [model.Threshold(value=value, color=color) for value, color in steps]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps([first, *rest])


def skew_thresholds() -> build.ThresholdsConfig:
    refused, notable = SKEW_REFUSED.total_seconds(), SKEW_NOTABLE.total_seconds()
    return thresholds(RED, (-refused, YELLOW), (-notable, GREEN), (notable, YELLOW), (refused, RED))
