"""Completion scripts of shells: bash and zsh share the walk along the words typed, fish has rules of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Option(NamedTuple):
    """An option: its names, whether it takes a value, or several, the values that are known, and its help."""

    names: tuple[str, ...]
    takes: bool
    many: bool
    values: tuple[str, ...]
    about: str


class Command(NamedTuple):
    """A command: the words that lead to it, its options, and the words that may follow; commands below among them."""

    path: tuple[str, ...]
    options: tuple[Option, ...]
    values: tuple[str, ...]
    about: str


#: What has been typed: the command, the last option, and how many words have followed it. Then what may come next.
_WALK = """\
        case "$at $word" in
            {commands}) at="${{at:+$at }}$word" ;;
            *" -"*) last="$word" since=0 ;;
            *) since=$((since + 1)) ;;
        esac
    done
    if [[ "$current" == -* ]]; then
        case "$at" in
{options}
        esac
    else
        case "$at:$last:$since" in
{values}
            *)
                case "$at" in
{words}
                esac
                ;;
        esac
    fi
"""
_BASH = """\
# Completion of neuroep in bash: eval "$(neuroep completion bash)"
_neuroep() {{
    local word found="" at="" last="" since=0 current="${{COMP_WORDS[COMP_CWORD]}}"
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
{walk}    COMPREPLY=($(compgen -W "$found" -- "$current"))
}}
complete -o default -F _neuroep neuroep
"""
_ZSH = """\
#compdef neuroep
# Completion of neuroep in zsh: eval "$(neuroep completion zsh)", after compinit
_neuroep() {{
    local word found="" at="" last="" since=0 current="${{words[CURRENT]}}"
    for word in "${{(@)words[2,CURRENT-1]}}"; do
{walk}    compadd -- ${{=found}} || _files
}}
compdef _neuroep neuroep
"""
_FISH = """\
# Completion of neuroep in fish: neuroep completion fish | source
function __neuroep_at
    set -l at
    for word in (commandline -opc)[2..-1]
        switch "$at $word"
            case {commands}
                set at (string trim "$at $word")
        end
    end
    test "$at" = "$argv[1]"
end
complete -c neuroep -e
{rules}
"""


def _arms(depth: int, arms: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return the arms of a case statement: pattern and the words found."""
    return "\n".join(f'{" " * depth}{pattern}) found="{" ".join(words)}" ;;' for pattern, words in arms)


def _walk(commands: Sequence[Command]) -> str:
    below = [f'"{" ".join(c.path[:-1])} {c.path[-1]}"' for c in commands if c.path]
    options, values, words = [], [], []
    for command in commands:
        at = " ".join(command.path)
        options.append((f'"{at}"', [name for option in command.options for name in option.names]))
        words.append((f'"{at}"', command.values))
        for option in command.options:
            if option.takes:
                end = '"*' if option.many else '0"'
                pattern = " | ".join(f'"{at}:{name}:{end}' for name in option.names)
                values.append((pattern, option.values))
    return _WALK.format(
        commands=" | ".join(below), options=_arms(12, options), values=_arms(12, values), words=_arms(20, words)
    )


def bash(commands: Sequence[Command]) -> str:
    """Return the script for bash."""
    return _BASH.format(walk=_walk(commands))


def zsh(commands: Sequence[Command]) -> str:
    """Return the script for zsh."""
    return _ZSH.format(walk=_walk(commands))


def _quoted(text: str) -> str:
    """Return a text in single quotes, as fish reads them."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish(commands: Sequence[Command]) -> str:
    """Return the script for fish."""
    below = " ".join(f"'{' '.join(c.path[:-1])} {c.path[-1]}'" for c in commands if c.path)
    abouts = {command.path: command.about for command in commands}
    rules = []
    for command in commands:
        at = _quoted(" ".join(command.path))
        start = f"complete -c neuroep -n {_quoted(f'__neuroep_at {at}')}"
        for word in command.values:
            about = abouts.get((*command.path, word))  # a command, which is no file
            rules.append(f"{start} -a {_quoted(word)}" + ("" if about is None else f" -f -d {_quoted(about)}"))
        for option in command.options:
            rules.append(f"{start} {_fish_option(option)}")
    return _FISH.format(commands=below, rules="\n".join(rules))


def _fish_option(option: Option) -> str:
    names = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names]
    values = [f"-a {_quoted(' '.join(option.values))}"] if option.values else []
    return " ".join([*names, *(["-r"] if option.takes else []), *values, f"-d {_quoted(option.about)}"])


SCRIPTS: dict[str, Callable[[Sequence[Command]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
