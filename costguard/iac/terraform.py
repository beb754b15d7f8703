"""Runs ``terraform`` or ``tofu`` where only they can read a file."""

import os
import shutil
import subprocess
from pathlib import Path

from costguard.errors import InputError

PROGRAMS = ("terraform", "tofu")


def show_plan(plan: Path) -> bytes:
    """A binary plan as JSON. Terraform needs the providers of the configuration, so it runs in the plan's folder when
    that was initialised, else here. Raises :class:`InputError` with the program's own words where it can't."""
    programs = [found for found in map(shutil.which, PROGRAMS) if found]
    if not programs:
        raise InputError(
            f"{plan} is a binary plan, and neither terraform nor tofu is on PATH: "
            f"give the output of `terraform show -json {plan}` instead"
        )
    file = plan.resolve()
    folder = file.parent if (file.parent / ".terraform").is_dir() else Path.cwd()
    said = ""
    for program in programs:
        try:
            result = subprocess.run(  # noqa: S603 - the program is terraform, the argument a path
                [program, "show", "-json", "-no-color", str(file)],
                cwd=folder,
                capture_output=True,
                check=False,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "TF_IN_AUTOMATION": "1"},
            )
        except OSError as error:
            said = said or f"{program} can't be run: {error.strerror}"
            continue
        if result.returncode == 0:
            return result.stdout
        lines = result.stderr.decode("utf-8", "replace").splitlines()
        text = " ".join(line.strip("╷│╵ ") for line in lines if line.strip("╷│╵ "))
        said = said or f"{Path(program).name} show: {text[:600] or f'it ended with {result.returncode} and no word'}"
    raise InputError(f"{plan} is a binary plan that can't be shown: {said}")
