"""Writes libconfig text from dicts, and merges settings into settings."""


def merged(base, changes):
    """base with changes laid over it, groups deep; None takes a setting away."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def _quoted(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _value(value, indent):
    if isinstance(value, dict):
        return "{\n" + _settings(value, indent + 1) + "    " * indent + "}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        # A list in parentheses may mix types; an array in brackets reads better where all are strings.
        left, right = ("[", "]") if all(isinstance(v, str) for v in value) else ("(", ")")
        return left + ", ".join(_value(v, indent) for v in value) + right
    return _quoted(value)


def _settings(settings, indent=0):
    return "".join(f"{'    ' * indent}{key} {':' if isinstance(value, dict) else '='} {_value(value, indent)};\n"
                   for key, value in settings.items())


def text(settings):
    return _settings(settings)
