"""The installed command: `musika-tf generate --length 20s` is `python generate.py --length 20s`.

Nothing is imported before it is known which program is meant, so that `musika-tf --help` answers at once.
"""

import importlib
import os
import sys

NAME = "musika-tf"
COMMANDS = {
    "generate": "make music",
    "encode": "encode a folder of audio to latents",
    "train-ae": "train or fine-tune the autoencoder",
    "train-gan": "train or fine-tune the GAN on latents",
    "train-refiner": "train the denoiser that refines what a model generates",
    "evaluate": "measure music, models, autoencoders and extractors",
    "import-original": "turn a checkpoint of the published implementation into a bundle",
    "export": "turn a bundle into files for ONNX Runtime or LiteRT",
    "app": "show a page that makes music, and a radio",
    "push": "share a bundle on a hub",
    "pull": "download a model of a hub",
    "list": "list models on a hub",
}


def usage():
    """The text of --help."""
    width = max(map(len, COMMANDS))
    return "\n".join(
        [
            f"usage: {NAME} COMMAND [--flag=value ...]",
            "",
            *(f"  {name:{width}}  {text}" for name, text in COMMANDS.items()),
            "",
            f"{NAME} COMMAND --help lists the flags of one of them, {NAME} --version tells the version.",
            f'Completion in bash and zsh: eval "$(register-python-argcomplete {NAME})"',
        ]
    )


def main():
    """Runs the program that the first argument names; returns the exit status where there is none."""
    if "_ARGCOMPLETE" in os.environ:
        return _complete()
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in COMMANDS:
        from musika_tf.programs import cli

        sys.argv[:2] = [f"{NAME} {name}"]
        return cli.run(_program(name))
    if name in ("--help", "-h", "--helpfull", "help"):
        _say(usage())
        return 0
    if name == "--version":
        _say(importlib.import_module("musika_tf").__version__)
        return 0
    problem = f"{name!r} is no command" if name else "no command"
    print(f"{NAME}: {problem}; there are {', '.join(COMMANDS)}", file=sys.stderr)
    return 2


def _say(text):
    try:
        print(text, flush=True)
    except BrokenPipeError:  # its reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _program(name):
    """The program's module; its docstring as the installed command shows it."""
    program = importlib.import_module(f"musika_tf.programs.{name.replace('-', '_')}")
    program.__doc__ = program.__doc__.replace(f"python {name.replace('-', '_')}.py", f"{NAME} {name}")
    return program


def _complete():
    """Answers a shell that asks, by argcomplete, what a command line may go on with."""
    import argparse

    import argcomplete
    from absl.flags import FLAGS, argparse_flags

    from musika_tf.programs import cli

    words = os.environ["COMP_LINE"].split()
    parser = argparse.ArgumentParser(NAME)
    commands = parser.add_subparsers()
    for name in COMMANDS:
        if name in words[1:2]:
            cli.show_flags(_program(name))
            commands.add_parser(
                name, parents=[argparse_flags.ArgumentParser(inherited_absl_flags=FLAGS, add_help=False)]
            )
        else:
            commands.add_parser(name)
    argcomplete.autocomplete(parser)
