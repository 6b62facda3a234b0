"""`python -m gureum` is the command line."""

from gureum.cli import main

if __name__ == "__main__":
    main()
