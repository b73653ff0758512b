"""Whether a candidate serves instead of the model in service, and why."""

from retrain.judge.judgement import Judgement, judge
from retrain.judge.settings import JudgeSettings, Score

__all__ = ["JudgeSettings", "Judgement", "Score", "judge"]
