"""Terragrunt units: folders whose ``terragrunt.hcl`` says which module to run, with which inputs, beside which files.

It reads what is static: ``include`` and what it merges, ``locals``, ``read_terragrunt_config``, the functions that
only look at paths. What comes from elsewhere (dependencies, the environment, commands) is Unknown, and never guessed.
It runs nothing and fetches nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from costguard.iac.hcl import parse
from costguard.iac.hcl.evaluate import Exhausted, Reference, attribute, evaluate
from costguard.iac.hcl.tree import Block, Body, Expression, File, Parentheses, Template
from costguard.iac.hcl.values import EvaluationError, PartialMap, Unknown, Value, unmark
from costguard.iac.source.module import location
from costguard.model.resource import Gap, Location

NAME = "terragrunt.hcl"
"""The file that makes a folder a unit."""

CALL = "terragrunt.tf"
"""The file in which a module that isn't here is called."""

_VARIABLE = re.compile(r'variable[ \t]+"?([\w-]+)')
_STEPS = 200_000
_DEEPEST = 12
"""Configurations that read or include each other; more is a circle."""
UNKNOWN = "data.terragrunt.unknown.value"
"""Stands in a generated file where the text isn't known, and can be assumed to be :data:`UNKNOWN_TEXT`."""
UNKNOWN_TEXT = Unknown("Terragrunt writes it, from what isn't known here")
_OPEN_PROVIDERS = "".join(
    f'provider "{name}" {{\n  {head} = {UNKNOWN}\n{tail}}}\n'
    for name, head, tail in (("aws", "default_tags {\n    tags", "  }\n"), ("google", "default_labels", ""))
).encode()


class Written(msgspec.Struct, frozen=True):
    """A Terraform file that Terragrunt puts beside those of the module, and where its text stands: at ``line`` of a
    file, or, where that is 0, in the very lines of a file that is only copied."""

    text: bytes
    file: str
    line: int = 0

    def place(self, there: Location) -> Location:
        """Where a person finds what stands at a place in the file."""
        if self.line:
            return Location(self.file, self.line, self.line)
        return Location(self.file, there.line, there.end_line)


class Unit(msgspec.Struct, frozen=True):
    """What Terragrunt would run in a folder.

    ``module`` is the folder of the Terraform module, empty where it isn't here: then ``why`` says why, and ``source``
    is what the unit names. ``inputs`` are what it gives to the module's variables, ``written`` the Terraform files that
    it puts beside the module's. ``reads`` are the files that all of this is from.
    """

    folder: str
    module: str
    source: str
    why: str
    place: Location
    inputs: Value
    written: Mapping[str, Written]
    var_files: tuple[str, ...]
    reads: frozenset[str]
    gaps: tuple[Gap, ...]

    def values(self, names: Iterable[str]) -> dict[str, Value]:
        """The value of each variable that the unit gives one, or may give one. ``names`` are the module's variables."""
        inputs, _ = unmark(self.inputs)
        if isinstance(inputs, dict):
            return inputs
        if not isinstance(inputs, PartialMap):
            inputs = PartialMap({}, {}, inputs.reason if isinstance(inputs, Unknown) else "the inputs are no map")
        found = {
            *names,
            *(name for text in self.files().values() for name in _VARIABLE.findall(text.decode("utf-8", "replace"))),
        }
        unsure = {name: Unknown(inputs.maybe.get(name, inputs.open)) for name in found if inputs.open}
        maybe = {name: Unknown(reason) for name, reason in inputs.maybe.items()}
        return {**unsure, **maybe, **inputs.entries}

    def files(self) -> dict[str, bytes]:
        """The Terraform files that stand beside those of the module; where that isn't here, the call of it."""
        files = {name: written.text for name, written in self.written.items()}
        if not self.module:
            name = re.sub(r"\W", "_", self.folder.rpartition("/")[2], flags=re.ASCII)
            source = msgspec.json.encode(self.source).decode().replace("${", "$${").replace("%{", "%%{")
            # What names the source isn't known is no plain text for Terraform either.
            files[CALL] = f'module "{name}" {{\n  source = {source if self.source else UNKNOWN}\n}}\n'.encode()
        return files


class Units:
    """The units of a run. Files that many of them include are parsed once. ``environment`` is what ``get_env`` may see,
    None where the environment counts as unknown; ``top`` is the repository, and nothing outside of it is read."""

    def __init__(self, top: str, environment: Mapping[str, str] | None = None) -> None:
        self.top = top
        self.environment = environment
        self._here = f"{str(Path.cwd()).rstrip('/')}/"
        self._files: dict[str, File | None] = {}

    def unit(self, folder: str) -> Unit | None:
        """The unit in a folder (an absolute path), None where its ``terragrunt.hcl`` is only there for others."""
        reader = _Reader(self)
        main = reader.config(f"{folder}/{NAME}", f"{folder}/{NAME}")
        if main is None:
            return None
        return _assemble(reader, main, folder)

    def shown(self, path: str) -> str:
        """A path as messages name it: seen from the working directory, where it is in there."""
        return path.removeprefix(self._here) or "."

    def file(self, path: str) -> File | None:
        """A file of the repository, parsed; None where there is none that can be read."""
        if path not in self._files:
            try:
                inside = os.path.realpath(path).startswith(f"{os.path.realpath(self.top).rstrip('/')}/")
                raw = Path(path).read_bytes() if inside and Path(path).is_file() else None
            except (OSError, ValueError):
                raw = None
            self._files[path] = None if raw is None else parse(raw, self.shown(path))
        return self._files[path]


class _Reader:
    """One unit being read: what it has looked at, and how much work it has been."""

    def __init__(self, units: Units) -> None:
        self.units = units
        self.reads: set[str] = set()
        self.gaps: set[Gap] = set()
        self.steps = _STEPS
        self.depth = 0
        self._configs: dict[tuple[str, str], _Config] = {}

    def config(self, path: str, origin: str, child: str = "") -> _Config | None:
        """The configuration in a file. ``origin`` is the file whose folder its functions start from."""
        path = os.path.normpath(path)
        known = self._configs.get((path, origin))
        if known is not None:
            return known
        self.reads.add(path)
        file = self.units.file(path)
        if file is None:
            return None
        self.gaps.update(Gap(f"{file.name}:{problem.line}", problem.message) for problem in file.problems)
        config = self._configs[path, origin] = _Config(self, file, path, origin, child or path)
        return config

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise Exhausted


class _Config:
    """One file of Terragrunt's, and the scope of the expressions in it.

    ``origin``: a file that is included works with the folder of the one that includes it, one that is read with its
    own. ``child`` is the file of the unit.
    """

    def __init__(self, reader: _Reader, file: File, path: str, origin: str, child: str) -> None:
        self.reader = reader
        self.file = file
        self.path = path
        self.origin = origin
        self.child = child
        self.host = _Host(self)
        self._locals: dict[str, Value] = {}
        self._included: list[tuple[str, _Config | None, str]] | None = None
        self._exposed: Value | None = None

    @property
    def body(self) -> Body:
        return self.file.body

    @property
    def folder(self) -> str:
        return self.origin.rpartition("/")[0]

    # --- the scope

    def name(self, name: str) -> Value | Reference:
        match name:
            case "local":
                return _Locals(self)
            case "include":
                return _Includes(self)
            case "dependency":
                return Unknown("the outputs of a dependency are known only after it was applied")
            case "feature" | "values":
                return Unknown(f"{name} is given where Terragrunt runs")
        raise EvaluationError(f"{name!r} is nothing that Terragrunt knows")

    def spend(self, steps: int) -> None:
        self.reader.spend(steps)

    def value(self, expression: Expression) -> Value:
        """The value of an expression; what Terragrunt could not evaluate is Unknown."""
        try:
            return evaluate(expression, self)
        except EvaluationError as error:
            return Unknown(f"{self.file.name} can't be evaluated: {error}")
        except Exhausted:
            return Unknown(f"{self.file.name} takes too long to be evaluated")

    def attribute(self, body: Body, name: str) -> Value:
        found = body.attributes.get(name)
        return None if found is None else self.value(found.value)

    def local(self, name: str) -> Value:
        if name not in self._locals:
            self._locals[name] = Unknown(f"local.{name} refers to itself")
            expressions = [
                block.body.attributes[name] for block in self._local_blocks() if name in block.body.attributes
            ]
            if not expressions:
                raise EvaluationError(f"local.{name} is not declared in {self.file.name}")
            self._locals[name] = self.value(expressions[0].value)
        return self._locals[name]

    def locals(self) -> dict[str, Value]:
        names = [name for block in self._local_blocks() for name in block.body.attributes]
        return {name: self.local(name) for name in names}

    def _local_blocks(self) -> Sequence[Block]:
        return self.body.blocks("locals")

    # --- what it includes

    def included(self) -> list[tuple[str, _Config | None, str]]:
        """What it includes: label, configuration (None: it can't be told or read), and how it is merged."""
        if self._included is None:
            self._included = []
            if self.path != self.origin:
                return self._included  # What is included may not include in turn.
            for block in [*self.body.blocks("include", 1), *self.body.blocks("include")]:
                label = block.labels[0] if block.labels else ""
                if any(label == known for known, _, _ in self._included):
                    continue
                path, _ = unmark(self.attribute(block.body, "path"))
                strategy, _ = unmark(self.attribute(block.body, "merge_strategy"))
                config = None
                if isinstance(path, str):
                    where = os.path.normpath(f"{self.folder}/{path}" if not path.startswith("/") else path)
                    config = None if where == self.path else self.reader.config(where, self.origin, self.child)
                self._included.append((label, config, strategy if isinstance(strategy, str) else "shallow"))
        return self._included

    def merged(self) -> Iterator[_Config | None]:
        """What counts for this configuration: what it includes first, itself last."""
        for _, config, strategy in self.included():
            if strategy != "no_merge":
                yield config
        yield self

    # --- Terragrunt's own functions

    def function(self, name: str, arguments: Sequence[Value]) -> Value:
        plain = [unmark(argument)[0] for argument in arguments]
        for argument in plain:
            if isinstance(argument, Unknown):
                return argument
        texts = [argument for argument in plain if isinstance(argument, str)]
        match name:
            case "find_in_parent_folders":
                return self._find(texts)
            case "get_terragrunt_dir" | "get_working_dir":
                return self.folder
            case "get_original_terragrunt_dir":
                return self.child.rpartition("/")[0]
            case "get_parent_terragrunt_dir":
                return self._parent(texts)
            case "get_repo_root":
                return self.reader.units.top
            case "get_path_from_repo_root":
                return os.path.relpath(self.folder, self.reader.units.top)
            case "get_path_to_repo_root":
                return os.path.relpath(self.reader.units.top, self.folder)
            case "path_relative_to_include":
                return os.path.relpath(self.folder, self._parent(texts))
            case "path_relative_from_include":
                return os.path.relpath(self._parent(texts), self.folder)
            case "read_terragrunt_config":
                return self._read(plain)
            case "get_env":
                return self._environment(texts)
        return Unknown(f"the result of {name}() is known where Terragrunt runs")

    def _find(self, texts: Sequence[str]) -> Value:
        wanted = texts[0] if texts else NAME
        folder = Path(self.folder).parent
        top = Path(self.reader.units.top)
        while folder.is_relative_to(top):
            if (folder / wanted).exists():
                return str(folder / wanted)
            if folder == folder.parent:
                break
            folder = folder.parent
        if len(texts) > 1:
            return texts[1]
        raise EvaluationError(f"there is no {wanted} in any folder above {self.reader.units.shown(self.folder)}")

    def _parent(self, texts: Sequence[str]) -> str:
        """The folder of what is included: in that file its own, in the child that of its (named) include."""
        if self.path != self.origin:
            return self.path.rpartition("/")[0]
        for label, config, _ in self.included():
            if config is not None and (not texts or texts[0] == label):
                return config.path.rpartition("/")[0]
        return self.folder

    def _read(self, arguments: Sequence[Value]) -> Value:
        path = arguments[0] if arguments else None
        if not isinstance(path, str):
            raise EvaluationError("read_terragrunt_config() needs a path")
        where = os.path.normpath(path if path.startswith("/") else f"{self.folder}/{path}")
        self.reader.depth += 1
        try:
            config = self.reader.config(where, where, self.child) if self.reader.depth < _DEEPEST else None
            if config is None:
                if len(arguments) > 1:
                    return arguments[1]
                raise EvaluationError(f"{path} can't be read")
            return config.exposed()
        finally:
            self.reader.depth -= 1

    def exposed(self) -> Value:
        """The configuration as a value, as another sees it."""
        if self._exposed is None:
            self._exposed = Unknown(f"{self.file.name} reads itself")
            known: dict[str, Value] = {"locals": self.locals(), "inputs": _inputs(self)}
            self._exposed = PartialMap(known, {}, f"only locals and inputs of {self.file.name} are evaluated")
        return self._exposed

    def _environment(self, texts: Sequence[str]) -> Value:
        if not texts:
            raise EvaluationError("get_env() needs a name")
        environment = self.reader.units.environment
        if environment is None:
            return Unknown(f"the environment's {texts[0]} is known where Terragrunt runs")
        if texts[0] in environment:
            return environment[texts[0]]
        if len(texts) > 1:
            return texts[1]
        return Unknown(f"the environment has no {texts[0]}")


class _Locals(Reference):
    __slots__ = ("_config",)

    def __init__(self, config: _Config) -> None:
        self._config = config

    def attribute(self, name: str) -> Value:
        return self._config.local(name)

    def value(self) -> Value:
        return dict(self._config.locals())


class _Includes(Reference):
    """``include.label.locals``, and ``include.locals`` where the include has no label."""

    __slots__ = ("_config",)

    def __init__(self, config: _Config) -> None:
        self._config = config

    def attribute(self, name: str) -> Value | Reference:
        for label, config, _ in self._config.included():
            if label == name:
                return self._of(label, config)
        for label, config, _ in self._config.included():
            if label == "":
                return attribute(self._of(label, config), name)
        raise EvaluationError(f"nothing is included as {name!r}")

    def value(self) -> Value:
        return {label: self._of(label, config) for label, config, _ in self._config.included()}

    def _of(self, label: str, config: _Config | None) -> Value:
        return Unknown(f"what is included as {label!r} can't be read") if config is None else config.exposed()


class _Host:
    """What Terraform's functions see: files of the repository, and Terragrunt's functions beside theirs."""

    def __init__(self, config: _Config) -> None:
        self._config = config

    @property
    def root(self) -> Path:
        """What Terraform's functions start from is the file that they stand in, also where that is included."""
        return Path(self._config.path).parent

    def path(self, text: str) -> Path | None:
        found = Path(os.path.normpath(self.root / text))
        try:
            inside = found.resolve().is_relative_to(Path(self._config.reader.units.top).resolve())
        except (OSError, ValueError, RuntimeError):
            return None
        self._config.reader.reads.add(str(found))
        return found if inside else None

    def template(self, text: str, variables: Value) -> Value:
        return Unknown("templates of Terragrunt's own files are not evaluated")

    def function(self, name: str, arguments: Sequence[Value]) -> Value:
        return self._config.function(name, arguments)


# --- a unit of its parts


def _assemble(reader: _Reader, main: _Config, folder: str) -> Unit | None:
    source, why, place = _source(main)
    own = _own_files(folder)
    if source is None and not own and not why:
        return None
    module = folder
    if source is not None or why:
        module = _local(folder, source) if source is not None else ""
        if not module:
            why = why or f"{source} is not here (Terragrunt fetches it)"
    written: dict[str, Written] = {}
    if module != folder:
        written = {name: Written(text, reader.units.shown(f"{folder}/{name}")) for name, text in own.items()}
    var_files: list[str] = []
    inputs = _inputs(main)
    for config in main.merged():
        if config is None:
            continue
        written.update(_generated(config, module))
        files, doubt = _var_files(config, module)
        var_files += files
        if doubt:
            inputs = PartialMap({}, {}, doubt)
    return Unit(
        folder=folder,
        module=module,
        source=source or "",
        why=why if not module else "",
        place=place,
        inputs=inputs,
        written=written,
        var_files=tuple(var_files),
        reads=frozenset(reader.reads),
        gaps=tuple(sorted(reader.gaps)),
    )


def _source(main: _Config) -> tuple[str | None, str, Location]:
    """The source that the unit names (the last one counts), or why it can't be told, and where it is named."""
    place = Location(main.file.name, 1, 1)
    found: str | None = None
    why = ""
    for config in main.merged():
        if config is None:
            why = why or f"what {main.file.name} includes can't be told or read"
            continue
        for block in config.body.blocks("terraform"):
            value, _ = unmark(config.attribute(block.body, "source"))
            if isinstance(value, str):
                found, why = value, ""
            elif value is not None:
                found, why = None, value.reason if isinstance(value, Unknown) else "its source is no text"
            if value is not None:
                place = location(config.file, block.start, block.end)
    return found, why if found is None else "", place


def _local(folder: str, source: str) -> str:
    """The folder that a local source means, empty where it is none: ``../modules//vpc`` runs in ``../modules/vpc``."""
    if "::" in source or "://" in source:
        return ""
    path = os.path.normpath(source if source.startswith("/") else f"{folder}/{source}")
    return os.path.realpath(path) if Path(path).is_dir() else ""


def _own_files(folder: str) -> dict[str, bytes]:
    """The Terraform files of the unit itself, which Terragrunt copies to the module."""
    found = {}
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith((".tf", ".tofu", ".tf.json", ".tofu.json"))]
        for name in sorted(names):
            if not name.startswith(".") and Path(folder, name).is_file():
                found[name] = Path(folder, name).read_bytes()
    except OSError:
        return found
    return found


def _inputs(config: _Config) -> Value:
    """What a configuration gives to variables: its own inputs, laid over what it includes, the last of these first."""
    merged, _ = unmark(config.attribute(config.body, "inputs"))
    merged = {} if merged is None else merged
    for _, included, strategy in reversed(config.included()):
        if strategy == "no_merge":
            continue
        below = (
            _inputs(included)
            if included is not None
            else PartialMap({}, {}, f"what {config.file.name} includes can't be told or read")
        )
        merged = _over(below, merged, deep=strategy == "deep")
    return merged


def _over(below: Value, above: Value, *, deep: bool) -> Value:
    """One map of inputs laid over another."""
    if isinstance(below, Unknown):
        below = PartialMap({}, {}, below.reason)
    if isinstance(above, Unknown):
        return PartialMap({}, {}, above.reason)
    if not isinstance(below, dict | PartialMap) or not isinstance(above, dict | PartialMap):
        return above
    entries = dict(below if isinstance(below, dict) else below.entries)
    maybe = {} if isinstance(below, dict) else dict(below.maybe)
    open_ = "" if isinstance(below, dict) else below.open
    if isinstance(above, PartialMap):
        doubts: dict[str, Value] = {name: Unknown(reason) for name, reason in above.maybe.items() if name in entries}
        entries.update(doubts)
        if above.open:
            entries = {name: Unknown(above.open) for name in entries}
        maybe.update(above.maybe)
        open_ = open_ or above.open
    for name, value in (above if isinstance(above, dict) else above.entries).items():
        both = deep and isinstance(value, dict) and isinstance(entries.get(name), dict)
        entries[name] = _over(entries[name], value, deep=True) if both else value
    maybe = {name: reason for name, reason in maybe.items() if name not in entries}
    return PartialMap(entries, maybe, open_) if maybe or open_ else entries


def _generated(config: _Config, module: str) -> Iterator[tuple[str, Written]]:
    """The Terraform files that ``generate`` blocks write, with their names."""
    for block in config.body.blocks("generate", 1):
        disabled, _ = unmark(config.attribute(block.body, "disable"))
        path, _ = unmark(config.attribute(block.body, "path"))
        exists, _ = unmark(config.attribute(block.body, "if_exists"))
        if disabled is True:
            continue
        name = os.path.normpath(path) if isinstance(path, str) else f"{block.labels[0]}.tf" if block.labels else ""
        if "/" in name or not name.endswith((".tf", ".tofu", ".tf.json", ".tofu.json")):
            continue
        if exists in ("skip", "error") and module and Path(module, name).exists():
            continue
        contents = block.body.attributes.get("contents")
        text = b"" if contents is None else _text(config, contents.value)
        yield name, Written(text, config.file.name, config.file.line(block.start))


def _text(config: _Config, contents: Expression) -> bytes:
    """A text of which single parts may not be known: what stands for these is a value that nobody knows."""
    while isinstance(contents, Parentheses):
        contents = contents.inner
    whole, _ = unmark(config.value(contents))
    if isinstance(whole, str):
        return whole.encode("utf-8", "replace")
    if not isinstance(contents, Template):
        return _OPEN_PROVIDERS
    text = ""
    for part in contents.parts:
        if isinstance(part, str):
            text += part
            continue
        if type(part).__name__ in ("TemplateIf", "TemplateFor"):
            return _OPEN_PROVIDERS  # Which lines there are depends on it.
        value, _ = unmark(config.value(part))  # type: ignore[arg-type]  # the directives are gone
        if isinstance(value, bool):
            text += "true" if value else "false"
        elif isinstance(value, str | int):
            text += str(value)
        else:
            quoted = text.rpartition("\n")[2].replace('\\"', "").count('"') % 2
            text += f"${{{UNKNOWN}}}" if quoted else UNKNOWN
    return text.encode("utf-8", "replace")


def _var_files(config: _Config, module: str) -> tuple[list[str], str]:
    """The files of variables that Terraform is given, and why it may be given others."""
    files: list[str] = []
    doubt = ""
    for block in config.body.blocks("terraform"):
        for extra in block.body.blocks("extra_arguments", 1):
            commands, _ = unmark(config.attribute(extra.body, "commands"))
            if isinstance(commands, tuple) and "plan" not in commands:
                continue
            variables, _ = unmark(config.attribute(extra.body, "env_vars"))
            if variables is not None and not (
                isinstance(variables, dict) and not any(name.startswith("TF_VAR_") for name in variables)
            ):
                doubt = f"{config.file.name} gives Terraform an environment"
            for name in ("required_var_files", "optional_var_files", "arguments"):
                value, _ = unmark(config.attribute(extra.body, name))
                texts = [unmark(one)[0] for one in value] if isinstance(value, tuple) else []
                known = [text for text in texts if isinstance(text, str)]
                if value is not None and (not isinstance(value, tuple) or len(known) < len(texts)):
                    doubt = f"the {name} that {config.file.name} gives to Terraform can't be told"
                if name == "arguments":
                    if any(text == "-var" or text.startswith(("-var=", "-var ")) for text in known):
                        doubt = f"{config.file.name} gives variables on Terraform's command line"
                    known = [text.partition("=")[2] for text in known if text.startswith("-var-file=")]
                for text in known:
                    found = _var_file(text, config.folder, module)
                    if found or name != "optional_var_files":
                        files.append(config.reader.units.shown(found or text))
    return files, doubt


def _var_file(name: str, folder: str, module: str) -> str:
    """A file of variables, as Terraform finds it beside the copies of the module and of the unit; empty if it isn't."""
    for path in (name,) if name.startswith("/") else (f"{folder}/{name}", f"{module}/{name}"):
        if Path(path).is_file():
            return os.path.normpath(path)
    return ""
