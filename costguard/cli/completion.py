"""``costguard completion``: what makes a shell complete costguard's commands and options."""

import click
from click.shell_completion import get_completion_class

from costguard.cli import options
from costguard.errors import ExitCode, UsageError


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the script that completes commands and options in SHELL.

    \b
    bash:  costguard completion bash > ~/.local/share/bash-completion/completions/costguard
    zsh:   costguard completion zsh > "${fpath[1]}/_costguard"
    fish:  costguard completion fish > ~/.config/fish/completions/costguard.fish
    """
    from costguard.cli.main import main

    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"click knows no completion for {shell}")
    try:
        script = kind(main, {}, "costguard", "_COSTGUARD_COMPLETE").source()
    except RuntimeError as error:  # A bash that is too old, or none, is said on standard error by click itself.
        raise UsageError(str(error)) from error
    options.write(script)
    return ExitCode.CLEAN
