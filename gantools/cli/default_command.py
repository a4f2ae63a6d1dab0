"""A command that takes arguments of its own and has commands beside it: ``gantools bench ART``, ``bench compare``."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class DefaultCommandGroup(TyperGroup):
    """Whatever does not begin with the name of a command goes to the command ``DEFAULT``.

    Its help shows the options of that command as its own. An argument that is called like a command is written as a
    path: ``./compare``.
    """

    DEFAULT = "measure"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default command's name in front where no command is named."""
        own_help = len(args) == 1 and args[0] in ctx.help_option_names
        if not own_help and not (args and args[0] in self.commands):
            args = [self.DEFAULT, *args]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """As the default command is used; the others are listed below."""
        return self.commands[self.DEFAULT].collect_usage_pieces(ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The arguments and options of the default command, then the other commands."""
        self.commands[self.DEFAULT].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)
