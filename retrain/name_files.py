"""The class names that a file states: YAML, lists with a name a line, and Label Studio's `notes.json`.

ultralytics and Roboflow write `data.yaml`; Label Studio `classes.txt` and `notes.json`; Darknet, CVAT and Roboflow
`obj.names` or `_darknet.labels`, and an `obj.data` that names that file; LabelImg `classes.txt`.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from contracts.box_rules import class_number
from contracts.errors import InvalidBox, InvalidText
from contracts.text_files import decoded

Names = dict[int, str]  # the name of each class number
YAMLS: Final = frozenset({".yaml", ".yml"})
LISTS: Final = frozenset({".names", ".labels"})
_TITLES: Final = re.compile(r"class|names|labels?(_?map)?$", re.IGNORECASE)
_NUMBERED: Final = re.compile(r"(\d+)\s*(?:[:=,;]\s*|\s)(\S.*)", re.ASCII)
_PATHS: Final = (str, list)
_NESTED: Final = (dict, list)
_MOST_NUMBER: Final = 10_000  # of a class; a larger number is a slip
_MOST_BYTES: Final = 1 << 16  # the names of a thousand classes take half of it, and YAML is read slowly


class UnreadableNames(Exception):
    """A file seems to state class names, and they can't be read. The message gives the reason.

    `other`: the file has another purpose, so names in a second file count.
    """

    def __init__(self, reason: str, *, other: bool = False) -> None:
        super().__init__(reason)
        self.other = other


def is_list(path: Path) -> bool:
    """Whether a file is a list of class names, by what it is called. A label file may be called so, too."""
    suffix = path.suffix.lower()
    return suffix in LISTS or (suffix == ".txt" and bool(_TITLES.search(path.stem)))


def may_state_names(path: Path) -> bool:
    """Whether a file may hold class names, by what it is called."""
    return path.suffix.lower() in YAMLS or is_list(path) or path.name.lower() == "notes.json"


def names_in(path: Path, *, named: bool = False) -> Names | None:
    """The class names that a file states; None when it states none. UnreadableNames when they can't be read.

    `named`: a person named the file, so a text is a list of names whatever it is called.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in YAMLS:
            return _of_dataset(parsed_yaml(path))
        if is_list(path) or (named and suffix == ".txt"):
            return _of_lines(_text(path))
        if suffix == ".json":
            return _of_json(path)
        if suffix == ".data":
            return _of_darknet(path)
    except (OSError, InvalidText) as error:
        raise UnreadableNames(str(error)) from None
    if suffix in (".pbtxt", ".csv") and _TITLES.search(path.stem):
        raise UnreadableNames(f"{suffix} files are not read", other=True)
    return None


def _text(path: Path) -> str:
    """UnreadableNames when the file is too large to be one of names; OSError, InvalidText."""
    data = path.read_bytes()
    if len(data) > _MOST_BYTES:
        raise UnreadableNames(f"it is larger than {_MOST_BYTES >> 10} KB, and so no list of classes", other=True)
    return decoded(data)


def parsed_yaml(path: Path) -> Any:
    """The content of a YAML file. UnreadableNames when it is not YAML, or has a key twice; OSError, InvalidText."""
    text = _text(path)
    try:
        # A tab is no indentation in YAML, but JSON may be indented with it.
        return yaml.load(text.replace("\t", "  "), _UniqueKeys)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnreadableNames(" ".join(str(error).split())[:200]) from None


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that stands twice: PyYAML would take the last one silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        twice = sorted({key for key in keys if keys.count(key) > 1}) if len(keys) != len(set(keys)) else []
        if twice:
            raise yaml.YAMLError(f"the key {twice[0]} stands twice")
        return super().construct_mapping(node, deep)


def _of_dataset(content: Any) -> Names | None:
    """Of a data.yaml; None of any other YAML file."""
    if not isinstance(content, dict):
        return None
    stated = [value for key, value in content.items() if str(key).casefold() == "names"]
    if not stated:
        if isinstance(content.get("train"), _PATHS):
            raise UnreadableNames("it describes a dataset, and has no names")
        return None
    if len(stated) > 1:
        raise UnreadableNames("it has names twice")
    names = _of_value(stated[0])
    count = content.get("nc")
    if isinstance(count, int) and not isinstance(count, bool) and count != len(names):
        raise UnreadableNames(f"nc is {count}, and names has {len(names)}")
    return names


def _of_value(value: Any, *, text_in_text: bool = False) -> Names:
    """Of `names`, in each form in which exporters and people write it."""
    match value:
        case list() if value:
            return _of_list(value)
        case dict() if value:
            return _of_mapping(value)
        case str() if value.strip() and not text_in_text:
            return _of_text(value.strip())
    raise UnreadableNames(f"names is {_short(value)}, neither a list nor numbers with names")


def _of_list(values: list[Any]) -> Names:
    if all(isinstance(value, dict) for value in values):
        entries = [_of_entry(place, value) for place, value in enumerate(values)]
        return _once(entries)
    if any(isinstance(value, _NESTED) for value in values):
        raise UnreadableNames(f"names is {_short(values)}, a list with lists in it")
    return {place: "" if value is None else str(value) for place, value in enumerate(values)}


def _of_entry(place: int, entry: Mapping[Any, Any]) -> tuple[int, str]:
    """Of `{name: x}`, `{id: 0, name: x}` or `{0: x}`."""
    if isinstance(entry.get("name"), str):
        numbers = [entry[key] for key in ("id", "index", "class_id") if key in entry]
        return _number(numbers[0]) if numbers else place, entry["name"]
    if len(entry) == 1:
        [(number, name)] = _of_mapping(dict(entry)).items()
        return number, name
    raise UnreadableNames(f"names has {_short(entry)}, which is not a number with a name")


def _of_mapping(values: dict[Any, Any]) -> Names:
    """Of `{0: x}`, also with numbers as text, of `{0: {name: x}}`, and of the inverse, `{x: 0}`."""
    if all(_is_number(key) for key in values):
        pairs = [(_number(key), value) for key, value in values.items()]
    elif all(_is_number(value) for value in values.values()):
        pairs = [(_number(value), key) for key, value in values.items()]
    else:
        raise UnreadableNames(f"names is {_short(values)}, neither a list nor numbers with names")
    named = []
    for number, name in pairs:
        if isinstance(name, dict) and isinstance(name.get("name"), str):
            name = name["name"]  # noqa: PLW2901 - the name, unwrapped
        if isinstance(name, _NESTED):
            raise UnreadableNames(f"class {number} is named {_short(name)}")
        named.append((number, "" if name is None else str(name)))
    return _once(named)


def _of_text(text: str) -> Names:
    """Of a list or mapping as text, or of names with commas between them."""
    if text[0] in "[{(":
        text = f"[{text[1:-1]}]" if text[0] == "(" else text
        try:
            return _of_value(yaml.load(text, _UniqueKeys), text_in_text=True)  # noqa: S506 - a SafeLoader
        except (yaml.YAMLError, ValueError, RecursionError):
            raise UnreadableNames(f"names is the text {_short(text)}") from None
    parts = [part.strip().strip("'\"") for part in re.split(r"[,;\n]", text)]
    if not all(parts) or re.search(r"[/\\]|\.\w+$", text):
        raise UnreadableNames(f"names is the text {_short(text)}")
    if len(parts) == 1 and " " in parts[0]:
        raise UnreadableNames(f"names is the text {_short(text)}, without commas between names")
    return dict(enumerate(parts))


def _of_lines(text: str) -> Names:
    """Of a list with a name a line, or of numbered lines; an empty line is a class without a name."""
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", text)]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise UnreadableNames("it is empty")
    if any(line.startswith(("#", "//", "<", "{", "[")) for line in lines):
        raise UnreadableNames("it is not a list with one name a line")
    numbered = [match.groups() for line in lines if (match := _NUMBERED.fullmatch(line))]
    if len(numbered) == len([line for line in lines if line]):
        return _once([(_number(number), name.strip().strip("'\"")) for number, name in numbered])
    if len(lines) == 1 and re.search("[,;]", lines[0]):
        return _of_text(lines[0])
    return dict(enumerate(lines))


def _of_json(path: Path) -> Names | None:
    """Of Label Studio's notes.json, or of a data.yaml in JSON's form."""
    try:
        content = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        if path.name.lower() == "notes.json":
            raise UnreadableNames(f"it is not JSON: {str(error)[:200]}") from None
        return None
    if not isinstance(content, dict):
        return None
    if "names" in content:
        return _of_dataset(content)
    if "categories" in content:
        if "annotations" in content:
            raise UnreadableNames("it is COCO's, whose class numbers are not those of the label files", other=True)
        return _of_value(content["categories"])
    return None


def _of_darknet(path: Path) -> None:
    """Of obj.data: UnreadableNames when the file of names that it names is not there. That file is read by itself."""
    match = re.search(r"^\s*names\s*=\s*(\S.*?)\s*$", _text(path), re.MULTILINE)
    if match is None:
        return
    named = re.split(r"[/\\]", match[1])[-1]
    # Darknet's paths are relative to the folder that it runs in, which is not the export's.
    if not any((folder / named).is_file() for folder in (path.parent, path.parent / "data", path.parent.parent)):
        raise UnreadableNames(f"the names are in {match[1]}, which is missing", other=True)


def _is_number(value: Any) -> bool:
    try:
        class_number(value)
    except InvalidBox:
        return False
    return True


def _number(value: Any) -> int:
    try:
        number = class_number(value)
    except InvalidBox as error:
        raise UnreadableNames(str(error)) from None
    if number > _MOST_NUMBER:
        raise UnreadableNames(f"class number {_short(number)} is too large")
    return number


def _once(pairs: list[tuple[int, str]]) -> Names:
    names: Names = {}
    for number, name in pairs:
        if names.setdefault(number, name) != name:
            raise UnreadableNames(f"class {number} is both {names[number]} and {name}")
    return names


def _short(value: Any) -> str:
    """A value in an error; of a long or nested one, its beginning."""
    return reprlib.repr(value)
