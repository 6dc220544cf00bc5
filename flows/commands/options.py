"""Options and arguments that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from transforms.domain.errors import UsageError

HomeOption = Annotated[Path | None, typer.Option("--home", help="Where warehouse, raw files, published copy and reports live [default: $HANDOFF_HOME, else ./.handoff].")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, errors too.")]
PolicyOption = Annotated[Path | None, typer.Option("--policy", help="YAML overlaid on the default policy key by key.")]
NamesArgument = Annotated[list[str] | None, typer.Argument(help="Connections [default: all].")]
ConnectionsOption = Annotated[Path | None, typer.Option("--connections", help="YAML file [default: connections.yaml of the home, else of this folder].")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, in a sentence: kept in the record.")]
BaseUrlOption = Annotated[str | None, typer.Option("--base-url", help="How people reach the acknowledgement page, as in https://handoff.example.com [default: $HANDOFF_ACK_URL].")]


def seconds(text: str | None, option: str = "--wait") -> float:
    from pydantic import TypeAdapter, ValidationError

    from transforms.domain.policy import WallDuration

    if text is None:
        return 0
    try:
        return TypeAdapter(WallDuration).validate_python(text).wall_us() / 1e6
    except ValidationError:
        raise UsageError(option, seen=repr(text), expected="a whole number and s, m, h or d, as in 10m") from None
