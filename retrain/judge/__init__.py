"""The judge: whether a candidate replaces the model in service, and why."""

from retrain.judge.judgement import Judgement, judge
from retrain.judge.settings import JudgeSettings, Score

__all__ = ["JudgeSettings", "Judgement", "Score", "judge"]
