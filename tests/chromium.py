"""A real browser without a window, driven through its pipe: the protocol of its developer tools needs no package."""

import base64
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # containers have no user namespaces
    "--disable-gpu",
    "--use-angle=swiftshader",  # WebGL by the processor
    "--enable-unsafe-swiftshader",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class Browser:
    """One page of Chromium.

    Args:
        profile: An empty folder for what it keeps.
        width: Of the window, in pixels.
        height: Likewise.
    """

    def __init__(self, profile: Path, width: int = 1280, height: int = 900) -> None:
        assert PROGRAM
        # It reads from descriptor 3 and writes to descriptor 4, which the shell makes of the ends of two pipes.
        (read, self._writing), (self._reading, write) = os.pipe(), os.pipe()
        to_read, to_write = (fcntl.fcntl(one, fcntl.F_DUPFD, 10) for one in (read, write))  # beyond 3 and 4
        os.close(read)
        os.close(write)
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", f'exec "$@" 3<&{to_read} 4>&{to_write}', "bash", PROGRAM, *_OPTIONS,
             f"--user-data-dir={profile}", f"--window-size={width},{height}", "about:blank"],
            pass_fds=(to_read, to_write), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        self._left = b""
        self._last = 0
        self._session: str | None = None
        self.requests: list[str] = []
        """Addresses that the page asked for, its own included."""
        self.complaints: list[str] = []
        """Errors of scripts and refusals of the page's policy."""
        try:
            self._attach(width, height)
        except BaseException:
            self.close()
            raise

    def _attach(self, width: int, height: int) -> None:
        page = next(one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.resize(width, height)

    def call(self, method: str, **parameters: Any) -> Any:
        """A command of the protocol; returns its result."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._last:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            part = os.read(self._reading, 1 << 20)
            assert part, "the browser ended"
            self._left += part
        text, _, self._left = self._left.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        said = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])
        elif message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(said["exceptionDetails"]))
        elif message.get("method") == "Log.entryAdded" and said["entry"]["level"] == "error":
            self.complaints.append(said["entry"]["text"])
        return message

    def resize(self, width: int, height: int, mobile: bool = False) -> None:
        """Give the page another size, in pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def prefer(self, scheme: str, medium: str = "") -> None:
        """Set the colour scheme ("light", "dark") and the medium ("print")."""
        self.call(
            "Emulation.setEmulatedMedia", media=medium, features=[{"name": "prefers-color-scheme", "value": scheme}]
        )

    def open(self, path: Path) -> None:
        """Load a page, and wait until its script is through."""
        self.call("Page.navigate", url=path.absolute().as_uri())
        self.wait("document.readyState === 'complete' && document.documentElement.dataset.ready")

    def run(self, script: str) -> Any:
        """The value of an expression, awaited where it is a promise."""
        found = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, f"{script}: {found['exceptionDetails']}"
        return found["result"].get("value")

    def wait(self, condition: str) -> Any:
        """Wait until an expression is true, looked at once per frame; its value."""
        # A new page breaks off a promise of the one before: then it is asked anew.
        script = (
            "new Promise((done) => { const look = () => { let found; try { found = eval(CONDITION); } catch (error) {} "
            "found ? done(found) : setTimeout(look, 15); }; look(); })"
        ).replace("CONDITION", json.dumps(condition))
        while True:
            try:
                return self.run(script)
            except AssertionError as error:
                if "Inspected target navigated" not in str(error) and "context" not in str(error):
                    raise

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Move or press: "mouseMoved", "mousePressed", "mouseReleased"."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def picture(self, path: Path, whole: bool = False) -> Path:
        """Write what is seen as a PNG file."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))
        return path

    def pdf(self, path: Path) -> Path:
        """Print to a file."""
        found = self.call("Page.printToPDF", printBackground=False)
        path.write_bytes(base64.b64decode(found["data"]))
        return path

    def close(self) -> None:
        """End it with all its processes."""
        os.close(self._writing)
        os.close(self._reading)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@contextlib.contextmanager
def started(width: int = 1280, height: int = 900) -> Iterator[Browser]:
    """A browser with a new profile, for as long as it is entered."""
    with tempfile.TemporaryDirectory(prefix="l2l-chromium-", ignore_cleanup_errors=True) as profile:
        browser = Browser(Path(profile), width, height)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser that tests of pages share; each opens a page of its own in it."""
    if PROGRAM is None:
        pytest.skip("chromium is not installed")
    with started() as found:
        yield found
