"""What runs on `python -m hil`?"""

from hil.main import app

if __name__ == "__main__":
    app()
