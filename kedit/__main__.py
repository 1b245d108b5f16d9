"""`python -m kedit`."""

from kedit.cli.main import main

if __name__ == "__main__":
    main()
