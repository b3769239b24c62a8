"""`python run.py` starts everything, as `./iot` does, with the Python that runs it (see README)."""

import sys


def main() -> int:
    """Check what this file itself needs, in words, before anything else is imported."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this is the sentence that an older Python gets to say
        print("Hace falta Python 3.11 o más nuevo; este es", sys.version.split()[0], file=sys.stderr)
        return 1
    try:
        from app.cli import main as cli
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] in {"app", "config"}:
            raise
        print(f"Falta instalar {error.name}:  pip install -r requirements.txt   (o use ./iot)", file=sys.stderr)
        return 1
    return cli(sys.argv[1:], program="python run.py")


if __name__ == "__main__":
    sys.exit(main())
