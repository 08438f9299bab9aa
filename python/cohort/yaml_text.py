"""Experiments as YAML: numbers as the program writes and reads them."""
from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """Also 1e-5 is a number, which YAML 1.1 takes for a word; and `on`, `off`, `no` stay words."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers
            if tag not in ("tag:yaml.org,2002:float", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
_Loader.add_implicit_resolver("tag:yaml.org,2002:float",
                              re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$|^[-+]?\.inf$|^\.nan$", re.IGNORECASE),
                              list("-+0123456789."))
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))


def read(text: str) -> dict[str, Any]:
    """The map that the text is."""
    return dict(yaml.load(text, _Loader) or {})


def word(value: Any) -> str:
    """A value on one line, as it may stand behind key= and in a flow."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(str(key))}: {word(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(word(item) for item in value) + "]"
    if hasattr(value, "tolist"):  # numbers and arrays of NumPy
        return word(value.tolist())
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value}: no number for an experiment")
        return repr(value)
    return str(value) if isinstance(value, int) else _text(str(value))


def _text(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_./*+-]+", text) and not re.fullmatch(r"[-+.\d].*|true|false|null|none|~", text, re.IGNORECASE):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'


def write(tree: Mapping[str, Any]) -> str:
    """An experiment: a line for each key at the top."""
    return "".join(f"{_text(str(key))}: {word(value)}\n" for key, value in tree.items())
