"""The text of a resolved params file: JSON that every YAML reader understands the same way. Pure.

JSON is YAML too, so DVC reads it, and a program in any language can read it with a JSON or a YAML library.
Two details make sure that they agree: a number with an exponent has a point (`1.0e-05`, which is a string to
YAML 1.1 readers without), and characters that YAML does not allow are escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_UNPRINTABLE = re.compile("[\x7f-\x84\x86-\x9f\u2028\u2029\ufeff\ufffe\uffff\x85]")


def as_text(params: Mapping[str, Any]) -> str:
    """Params as JSON, keys sorted, one to a line."""
    return _encoded(params, "") + "\n"


def _encoded(value: Any, indent: str) -> str:
    deeper = indent + "  "
    if isinstance(value, Mapping):
        lines = [f"{deeper}{_string(key)}: {_encoded(value[key], deeper)}" for key in sorted(value)]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}" if lines else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(_encoded(item, deeper) for item in value) + "]"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, float):
        text = repr(value)
        return text.replace("e", ".0e") if "e" in text and "." not in text else text
    return json.dumps(value)


def _string(value: str) -> str:
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))
