"""What does `hil up` say while it starts, runs and stops?"""

import json
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from hil.embedded.supervisor import Change, Notice

Link = tuple[str, Path]
"""A one-time link into the inbox, and the file that holds it."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What was made for whoever started the system: files, and the link into the inbox."""

    api_key_file: Path | None
    first_login: Link | None
    analytics_token_file: Path | None


class Teller(Protocol):
    """Tells what happens, to a person or to a script."""

    def notice(self, notice: Notice) -> None: ...
    def ready(self, endpoints: Mapping[str, str], made: Secrets) -> None: ...
    def stopping(self) -> None: ...
    def stopped(self) -> None: ...


class JsonLines:
    """One JSON object a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def notice(self, notice: Notice) -> None:
        self._write({"event": str(notice.change), "unit": notice.unit, "text": notice.text})

    def ready(self, endpoints: Mapping[str, str], made: Secrets) -> None:
        """Secrets are named by their files: what a script writes out often ends in a log."""
        files = {
            "api_key_file": made.api_key_file,
            "first_login_file": None if made.first_login is None else made.first_login[1],
            "analytics_token_file": made.analytics_token_file,
        }
        named = {name: str(file) for name, file in files.items() if file is not None}
        self._write({"event": "up", "endpoints": dict(endpoints), **named})

    def stopping(self) -> None:
        self._write({"event": "stopping"})

    def stopped(self) -> None:
        self._write({"event": "down"})

    def _write(self, line: Mapping[str, object]) -> None:
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()


class Terminal:
    """A progress line while something is awaited, then a table of addresses, then what goes wrong."""

    def __init__(self, console: Console, *, model: str) -> None:
        self._console = console
        self._model = model
        self._awaited: dict[str, float] = {}
        self._status: Status | None = None

    def notice(self, notice: Notice) -> None:
        match notice.change:
            case Change.STARTING:
                self._awaited[notice.unit] = time.monotonic()
            case Change.READY:
                took = time.monotonic() - self._awaited.pop(notice.unit, time.monotonic())
                self._console.print(f"[green]✓[/] {notice.unit} is ready ({took:.1f} s)", highlight=False)
            case Change.ENDED:
                self._console.print(f"[red]✗ {notice.unit}[/] {escape(notice.text)}", highlight=False)
            case Change.STOPPED:
                self._console.print(f"[dim]· {notice.unit} stopped[/]", highlight=False)
        self._show_awaited()

    def ready(self, endpoints: Mapping[str, str], made: Secrets) -> None:
        self._clear()
        table = Table(title="HIL Agent System is up", title_justify="left")
        table.add_column("name")
        table.add_column("address", no_wrap=True)
        for name, address in endpoints.items():
            table.add_row(name, address)
        self._console.print(table)
        if made.api_key_file is not None and (gateway := endpoints.get("llm_gateway")):
            self._tell_key(f"{gateway}/v1", made.api_key_file)
        if made.first_login is not None:
            self._tell_link(*made.first_login)
        if made.analytics_token_file is not None:
            self._tell_token(endpoints["analytics"], made.analytics_token_file)
        if chat := endpoints.get("hil_inbox_chat"):
            self._console.print(f"Be the customer: {chat}/chat", highlight=False, soft_wrap=True)
        self._console.print(f"Models: {self._model}. Stop with Ctrl-C.", highlight=False)

    def _tell_key(self, base_url: str, file: Path) -> None:
        """Lines to copy: not wrapped, and nothing in them is markup."""
        try_it = f'curl -H "Authorization: Bearer $(cat {shlex.quote(str(file))})" {base_url}/models'
        for line in (f"OpenAI's API: base URL {base_url}, key in {file}. Try it:", f"  {try_it}"):
            self._console.print(escape(line), highlight=False, soft_wrap=True)

    def _tell_link(self, link: str, file: Path) -> None:
        """Good once, for 15 minutes; `hil inbox first-login` makes another."""
        for line in (f"The inbox lets you in once, within 15 minutes (also in {file}):", f"  {link}"):
            self._console.print(escape(line), highlight=False, soft_wrap=True)

    def _tell_token(self, address: str, file: Path) -> None:
        """For the form and for programs; `hil analytics token create` makes others."""
        try_it = f'curl -H "Authorization: Bearer $(cat {shlex.quote(str(file))})" {address}/v1/summary'
        for line in (f"Analytics: sign in at {address}/login with the token in {file}. Try it:", f"  {try_it}"):
            self._console.print(escape(line), highlight=False, soft_wrap=True)

    def stopping(self) -> None:
        self._awaited.clear()
        self._clear()
        self._console.print("Stopping (Ctrl-C again to kill) …")

    def stopped(self) -> None:
        self._console.print("Everything is stopped.")

    def _show_awaited(self) -> None:
        if not self._awaited:
            self._clear()
            return
        text = f"waiting for {', '.join(self._awaited)}"
        if self._status is None:
            self._status = self._console.status(text)
            self._status.start()
        else:
            self._status.update(text)

    def _clear(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
