"""The life of one practice of a story, as the simulation draws it."""

from collector.simulation.year.life import Life, live
from collector.simulation.year.plan import PracticePlan
from collector.simulation.year.simulate import Story, draw


def life_of(story: Story, plan: PracticePlan) -> Life:
    fate = draw(story)[1]
    return live(story.seed, plan, fate.outages, fate.of(plan.number), story.noise, story.density)
