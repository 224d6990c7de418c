"""What does somebody see who is not logged in?"""

from pathlib import Path

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hil_inbox.handlers.front_desk import NotLetIn

TEMPLATES = Path(__file__).parents[1] / "page" / "templates"


class LoginPage:
    """The form, the page of a one-time link, and what they say when it does not work."""

    def __init__(self, provider: str | None) -> None:
        environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
        self._template = environment.get_template("login.html")
        self._provider = provider
        self.style = (TEMPLATES / "login.css").read_text("utf-8")

    def form(self, next_path: str, *, problem: str = "", status: int = 200, wait_seconds: int = 0) -> HTMLResponse:
        """Id and code, or the provider."""
        text = self._template.render(
            heading="Sign in", problem=problem, code=None, form=True, provider=self._provider, next_path=next_path
        )
        headers = {"retry-after": str(wait_seconds)} if wait_seconds else None
        return HTMLResponse(text, status, headers=headers)

    def link(self, code: str) -> HTMLResponse:
        """A button that uses the code."""
        return HTMLResponse(
            self._template.render(heading="Sign in", problem="", code=code, form=False, provider=None, next_path="/")
        )

    def refused(self, reason: NotLetIn, next_path: str) -> HTMLResponse:
        """The form again, and why."""
        if reason.wait_seconds:
            problem = f"{reason.detail.capitalize()}. Try again in {reason.wait_seconds} seconds."
            return self.form(next_path, problem=problem, status=429, wait_seconds=reason.wait_seconds)
        return self.form(next_path, problem=f"{reason.detail.capitalize()}.", status=401)
