"""docs/data-people.md: its commands and options exist, and its tables explain every rule.

tests/end_to_end/test_data_people.py runs its blocks.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import shlex
from argparse import ArgumentParser
from pathlib import Path

import pytest
import typer

import contracts
import registry
import retrain
from contracts.errors import NunchiError
from ops.__main__ import app
from ops.lazy import LazyCommand
from retrain import __main__ as retraining
from retrain.drift.guard import RULE
from retrain.fit import search_command

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "data-people.md").read_text()
# Internal: the retraining resumes on another machine, and no notice is sent.
RESUMED = {"spot_notice", "spot_lost"}


def commands() -> list[str]:
    """Every `nunchi …` and `python -m retrain …` in the page's blocks and text."""
    text = re.sub(r"\\\n\s*", "", PAGE)
    blocks = [line.strip() for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    prose = re.sub(r"```\n.*?```", "", text, flags=re.DOTALL)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    lines = [re.sub(r"^(?:[A-Z_]+=\S+ )+", "", line) for line in blocks + spans]
    return sorted({line for line in lines if re.match(r"(nunchi|python -m retrain)( |$)", line)})


def options_of_nunchi(words: list[str]) -> tuple[set[str], list[str]]:
    """The options of a command of `nunchi`, and its arguments; an unknown command fails the test."""
    command = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands"):
        assert rest[0] in command.commands, f"nunchi has no {' '.join(words)}"
        command = command.commands[rest.pop(0)]
        if isinstance(command, LazyCommand):
            command = command.loaded
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}, rest


def options_of(parser: ArgumentParser) -> set[str]:
    return {name for action in parser._actions for name in action.option_strings}


@pytest.mark.parametrize("command", commands())
def test_every_command_and_option_of_the_page_exists(command: str) -> None:
    words = shlex.split(command, comments=True)
    if words[0] == "nunchi":
        options, rest = options_of_nunchi(words[1:])
    else:
        rest = words[3:]
        searching = rest[:1] == ["search"]
        options = options_of(search_command._parser() if searching else retraining._parser())
    named = {word.partition("=")[0] for word in rest if word.startswith("-")}
    assert named <= options | {"--help"}


def test_commands_are_found_in_the_page() -> None:
    """Without commands the test of their options would pass."""
    found = {" ".join(command.split()[:3]) for command in commands()}
    assert {"nunchi up --detach", "nunchi dataset import", "python -m retrain", "nunchi judge RUN"} <= found


def rules() -> set[str]:
    """Every rule that can end a retraining, read from the source."""
    of_check = re.findall(r'"rule": "([a-z_]+)"', _text("lambdas/train_check.py") + _text("lambdas/train_stop.py"))
    of_poll = re.findall(r'Step\(\s*"(?:failed|interrupted)",\s*"([a-z_]+)"', _text("lambdas/train_poll.py"))
    of_run = re.findall(r'(?:rule = |\(\s*Verdict\.[A-Z]+, )"([a-z_]+)"', _text("retrain/run/training_run.py"))
    of_preconditions = re.findall(r'return "([a-z_]+)", ', _text("retrain/dataset/vetting/preconditions.py"))
    of_judge = re.findall(r'RuleCheck\("([a-z_]+)"', _text("retrain/judge/rules.py"))
    assert all((of_check, of_poll, of_run, of_preconditions, of_judge))
    return {*of_check, *of_poll, *of_run, *of_preconditions, *of_judge, *_rules_of_errors(), RULE} - RESUMED


def errors() -> list[type[NunchiError]]:
    """Every error class of the programs of a training."""
    for program in (contracts, registry, retrain):
        for module in pkgutil.walk_packages(program.__path__, f"{program.__name__}."):
            if not module.name.startswith("retrain.trainer") and not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    kinds = [NunchiError]
    for error in kinds:
        kinds += [kind for kind in error.__subclasses__() if kind not in kinds]
    return [error for error in kinds if error.__module__.split(".")[0] in ("contracts", "registry", "retrain")]


def test_every_error_of_a_training_has_a_rule_that_the_page_explains() -> None:
    """Its own rule, or an inherited one."""
    explained = {rule for rules, _, _ in _rows() for rule in re.findall("[a-z_]+", rules)}
    assert {error.__name__: error.rule for error in errors() if error.rule not in explained} == {}
    named = {error.__name__ for error in errors() if error.rule != NunchiError.rule}
    assert {"InvalidDataset", "OutOfMemory", "DiskFull", "InvalidRun", "PointerMoved"} <= named


def _rules_of_errors() -> set[str]:
    """The rules of our errors, and those that `retrain.run.training_run` gives to other errors."""
    [function] = [
        node
        for node in ast.walk(ast.parse(_text("retrain/run/training_run.py")))
        if isinstance(node, ast.FunctionDef) and node.name == "rule_of"
    ]
    texts = {
        node.value for node in ast.walk(function) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {text for text in texts if re.fullmatch("[a-z_]+", text)} | {error.rule for error in errors()}


def _rows() -> list[tuple[str, str, str]]:
    """The rows of the tables whose first column is in code."""
    return re.findall(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)


def test_the_tables_explain_every_rule() -> None:
    judging = PAGE.split("## Model evaluation")[1].split("\n## ")[0]
    shown = {rule for names, _, _ in _rows() if names in judging for rule in re.findall("[a-z_]+", names)}
    kinds = {"cascade", "yolov5", "ensemble"}
    assert shown - kinds == rules()


def _text(path: str) -> str:
    return (ROOT / path).read_text()
