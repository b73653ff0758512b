"""docs/data-people.md: its commands have the options that it shows, and its tables the rules that there are.

What its blocks do when they are pasted, tests/end_to_end/test_data_people.py says.
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
# In the state of a retraining that goes on with another machine; nobody is told of them.
GO_ON = {"spot_notice", "spot_lost"}


def commands() -> list[str]:
    """Every `nunchi …` and `python -m retrain …` of the page: in blocks, and in its text."""
    text = re.sub(r"\\\n\s*", "", PAGE)
    blocks = [line.strip() for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    prose = re.sub(r"```\n.*?```", "", text, flags=re.DOTALL)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    found = [re.sub(r"^(?:[A-Z_]+=\S+ )+", "", one) for one in blocks + spans]
    return sorted({one for one in found if re.match(r"(nunchi|python -m retrain)( |$)", one)})


def options_of_nunchi(words: list[str]) -> tuple[set[str], list[str]]:
    """The options of a command of `nunchi`, and the words that are left for it; a word that is no command fails."""
    command = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands"):
        assert rest[0] in command.commands, f"nunchi has no {' '.join(words)}"
        command = command.commands[rest.pop(0)]
        if isinstance(command, LazyCommand):
            command = command.loaded
    return {name for one in command.params for name in (*one.opts, *one.secondary_opts)}, rest


def options_of(parser: ArgumentParser) -> set[str]:
    return {name for action in parser._actions for name in action.option_strings}


@pytest.mark.parametrize("command", commands())
def test_every_command_of_the_page_is_one_and_has_its_options(command: str) -> None:
    words = shlex.split(command, comments=True)
    if words[0] == "nunchi":
        options, rest = options_of_nunchi(words[1:])
    else:
        rest = words[3:]
        searching = rest[:1] == ["search"]
        options = options_of(search_command._parser() if searching else retraining._parser())
    named = {word.partition("=")[0] for word in rest if word.startswith("-")}
    assert named <= options | {"--help"}


def test_the_page_names_commands_at_all() -> None:
    """A reading of the page that finds nothing would hold against everything."""
    found = {" ".join(command.split()[:3]) for command in commands()}
    assert {"nunchi up --detach", "nunchi dataset import", "python -m retrain", "nunchi judge RUN"} <= found


def rules() -> set[str]:
    """Every rule that can end a retraining, read out of the code that names them."""
    of_check = re.findall(r'"rule": "([a-z_]+)"', _text("lambdas/train_check.py") + _text("lambdas/train_stop.py"))
    of_watch = re.findall(r'Step\(\s*"(?:failed|interrupted)",\s*"([a-z_]+)"', _text("lambdas/train_poll.py"))
    of_run = re.findall(r'(?:rule = |\(\s*Verdict\.[A-Z]+, )"([a-z_]+)"', _text("retrain/run/training_run.py"))
    enough = re.findall(r'return "([a-z_]+)", ', _text("retrain/dataset/vetting/preconditions.py"))
    of_judge = re.findall(r'RuleCheck\("([a-z_]+)"', _text("retrain/judge/rules.py"))
    assert all((of_check, of_watch, of_run, enough, of_judge))
    return {*of_check, *of_watch, *of_run, *enough, *of_judge, *_words_of_errors(), RULE} - GO_ON


def errors() -> list[type[NunchiError]]:
    """Every error of ours that a training may end by: those of the programs that it is made of."""
    for program in (contracts, registry, retrain):
        for module in pkgutil.walk_packages(program.__path__, f"{program.__name__}."):
            if not module.name.startswith("retrain.trainer") and not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    found = [NunchiError]
    for one in found:
        found += [kind for kind in one.__subclasses__() if kind not in found]
    return [one for one in found if one.__module__.split(".")[0] in ("contracts", "registry", "retrain")]


def test_every_error_of_a_training_has_a_rule_that_the_page_explains() -> None:
    """Its own, or that of the error it is a kind of; at last the generic one."""
    explained = {rule for rules, _, _ in _rows() for rule in re.findall("[a-z_]+", rules)}
    assert {one.__name__: one.rule for one in errors() if one.rule not in explained} == {}
    named = {one.__name__ for one in errors() if one.rule != NunchiError.rule}
    assert {"InvalidDataset", "OutOfMemory", "DiskFull", "InvalidRun", "PointerMoved"} <= named


def _words_of_errors() -> set[str]:
    """The rules of our errors, and what `retrain.run.training_run` calls those of others."""
    [function] = [
        one
        for one in ast.walk(ast.parse(_text("retrain/run/training_run.py")))
        if isinstance(one, ast.FunctionDef) and one.name == "rule_of"
    ]
    texts = {one.value for one in ast.walk(function) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return {text for text in texts if re.fullmatch("[a-z_]+", text)} | {one.rule for one in errors()}


def _rows() -> list[tuple[str, str, str]]:
    """The rows of the tables whose first column is in code."""
    return re.findall(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)


def test_the_tables_say_of_every_rule_what_it_means_and_what_to_do() -> None:
    judging = PAGE.split("## How a candidate is judged")[1].split("\n## ")[0]
    shown = {rule for names, _, _ in _rows() if names in judging for rule in re.findall("[a-z_]+", names)}
    kinds = {"cascade", "yolov5", "ensemble"}
    assert shown - kinds == rules()


def _text(path: str) -> str:
    return (ROOT / path).read_text()
