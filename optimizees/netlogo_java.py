"""NetLogo's own workspace without windows, in the Java virtual machine of this process, reached through JPype.

Five methods of `org.nlogo.headless.HeadlessWorkspace` are all that is used of NetLogo, and all versions from 4.1 to 7
offer them: `newInstance`, `open`, `command`, `report` and `dispose`.
"""

import atexit
import os
import signal
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from l2l.errors import MissingPart, NotFoundError, OptionError
from l2l.optimizees.simulator import imported

_CLASS = "org.nlogo.headless.HeadlessWorkspace"
_PLACES = ("", "app", "lib/app", "lib", "Java", "Contents/Java", "Contents/app", "*.app/Contents/Java")
"""Where in an installation its jar stands: 4.1 to 5.2, 5.3 to 6, 6.3 and later on Linux, copies, macOS."""
_LIBRARIES = ("libjvm.so", "libjvm.dylib")


class NetLogoError(RuntimeError):
    """What NetLogo says of a program that it cannot compile or run.

    Args:
        text: Its message.
        compiling: Whether it did not compile.
    """

    def __init__(self, text: str, *, compiling: bool = False) -> None:
        self.compiling = compiling
        super().__init__(text)


class _Machine(NamedTuple):
    """The Java virtual machine that this process has: it can be started once, and not another way."""

    jar: Path
    arguments: tuple[str, ...]


_machines: list[_Machine] = []
"""None or one."""
_open: set["Workspace"] = set()
"""What still has a thread in Java, without whose end Java, and with it this process, would not end."""


def installed_jar(home: str | None) -> Path:
    """The jar of a NetLogo installation.

    Args:
        home: The installation's folder; None for the environment variable NETLOGO_HOME.

    Raises:
        MissingPart: No folder is given, here and by NETLOGO_HOME.
        NotFoundError: There is no NetLogo in it.
    """
    named = "option 'home'" if home else "NETLOGO_HOME"
    home = home or os.environ.get("NETLOGO_HOME")
    if not home:
        raise MissingPart(
            "NetLogo",
            "https://ccl.northwestern.edu/netlogo, then set the environment variable NETLOGO_HOME, or option 'home', "
            "to the folder of the installation",
        )
    folder = Path(home).expanduser()
    for jar in _jars(folder):
        if _has_workspace(jar):
            return jar
    raise NotFoundError(
        f"{named}: expected the folder of a NetLogo installation, with NetLogo.jar or netlogo-….jar in it or in its "
        f"folder app, lib/app or Java, got {str(home)!r}{'' if folder.is_dir() else ', which is not there'}"
    )


def _jars(folder: Path) -> Iterator[Path]:
    for place in _PLACES:
        for inner in sorted(folder.glob(place)) if place else [folder]:
            yield from sorted(one for one in inner.glob("*.jar") if one.name.lower().startswith("netlogo"))


def _has_workspace(jar: Path) -> bool:
    try:
        with zipfile.ZipFile(jar) as file:
            return f"{_CLASS.replace('.', '/')}.class" in file.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def _class_path(jar: Path) -> list[str]:
    """NetLogo's jar first, then the libraries that it comes with: beside it from 5.3 on, in `lib` before."""
    beside = [one for one in sorted(jar.parent.glob("*.jar")) if one != jar and one.name != "NetLogoLite.jar"]
    return [str(one) for one in (jar, *beside, *sorted((jar.parent / "lib").rglob("*.jar")))]


def start(jar: Path, *, heap: str, threads: int, options: Sequence[str], quiet: bool) -> None:
    """Start Java with NetLogo in this process, if it does not run yet.

    Args:
        jar: Of NetLogo.
        heap: At most this much memory for Java's objects, as "1g".
        threads: Processors that Java believes to have, for its compiler and its garbage collector.
        options: Further ones of Java.
        quiet: Whether what models print is thrown away.

    Raises:
        MissingPart: JPype or Java is not installed.
        OptionError: Java refuses the options, is too old for this NetLogo, or runs in this process in another way.
    """
    jpype = imported("jpype", "JPype", "netlogo")
    arguments = (f"-Xmx{heap}", f"-XX:ActiveProcessorCount={threads}", *_fixed(jar, options), *options)
    wanted = _Machine(jar, arguments)
    if not jpype.isJVMStarted():
        _start(jpype, wanted, quiet)
        _machines.append(wanted)
    elif [wanted] != _machines:
        shown = "".join(f", with {one.jar} and {' '.join(one.arguments)}" for one in _machines)
        raise OptionError(
            f"Java runs in this process already{shown}; a process starts it once: use the launcher local, or run in "
            "another process what needs it otherwise"
        )
    try:
        jpype.JClass(_CLASS)
    except (jpype.JException, TypeError, ImportError) as error:
        version = java_version()
        raise OptionError(f"{jar} does not run on Java {version} ({_said(error)}); set JAVA_HOME to another") from None


def _fixed(jar: Path, options: Sequence[str]) -> list[str]:
    fixed = [
        "-Djava.awt.headless=true",
        "-Dfile.encoding=UTF-8",
        "-Xrs",  # signals stay with this process: Java's own way with them is to exit
        "-XX:-UsePerfData",
        # NetLogo's threads die of it silently and leave a wrong world behind: better that the process ends
        "-XX:+ExitOnOutOfMemoryError",
    ]
    extensions = next((one for one in _upwards(jar, "extensions") if one.is_dir()), None)
    if extensions is not None:
        fixed.append(f"-Dnetlogo.extensions.dir={extensions}")
    if not any(one.startswith("-XX:+Use") and one.endswith("GC") for one in options):
        fixed.append("-XX:+UseSerialGC")  # many workers on one node: no threads beyond what a trial may use
    return fixed


def _upwards(jar: Path, name: str) -> list[Path]:
    return [folder / name for folder in list(jar.parents)[:3]]


def _start(jpype: Any, wanted: _Machine, quiet: bool) -> None:
    if sys.platform.startswith("linux"):  # else Java takes SIGUSR2, with which a worker shows its stack
        os.environ.setdefault("_JAVA_SR_SIGNUM", str(signal.SIGRTMIN + 11))
    try:
        library = jpype.getDefaultJVMPath()
    except jpype.JVMNotFoundException:
        library = _own_java(wanted.jar)
    try:
        jpype.startJVM(*wanted.arguments, jvmpath=library, classpath=_class_path(wanted.jar), interrupt=False)
    except (RuntimeError, OSError) as error:
        raise OptionError(
            f"Java ({library}) does not start with {' '.join(wanted.arguments)}: {str(error).splitlines()[0]}; "
            "see options heap, threads and jvm"
        ) from None
    atexit.register(_dispose_all)  # after JPype's own, so that it runs before
    if quiet:
        nowhere = jpype.JClass("java.io.PrintStream")(jpype.JClass("java.io.FileOutputStream")(os.devnull))
        jpype.JClass("java.lang.System").setOut(nowhere)
        jpype.JClass("java.lang.System").setErr(nowhere)


def _own_java(jar: Path) -> str:
    """The Java that newer installations bring along, where the system has none."""
    for folder in list(jar.parents)[:3]:
        for inner in ("runtime", "jre", "jdk", "PlugIns"):
            for library in _LIBRARIES:
                found = next((folder / inner).rglob(library), None)
                if found:
                    return str(found)
    raise MissingPart(
        "Java", "your system's packages (apt install default-jre-headless, conda install openjdk), or set JAVA_HOME"
    )


def java_version() -> str:
    """Of the Java that runs in this process."""
    import jpype

    return str(jpype.JClass("java.lang.System").getProperty("java.version"))


class Workspace:
    """A NetLogo without windows with a model open in it.

    Args:
        model: The model file.

    Raises:
        NetLogoError: The model cannot be read or compiled; says why.
    """

    def __init__(self, model: Path) -> None:
        import jpype

        self._throwable = jpype.JException
        self._workspace: Any = self._done(jpype.JClass(_CLASS).newInstance)
        _open.add(self)
        try:
            try:
                self._done(self._workspace.open, str(model))
            except TypeError:  # newer versions ask too whether to install extensions that the model names
                self._done(self._workspace.open, str(model), False)
        except BaseException:
            self.dispose()
            raise

    def command(self, text: str) -> None:
        """Run commands to their end.

        Raises:
            NetLogoError: They do not compile, or fail.
        """
        self._done(self._workspace.command, text)

    def report(self, text: str) -> Any:
        """The value of a reporter: a float, bool, text, or list of these; an agent as NetLogo writes it.

        Raises:
            NetLogoError: It does not compile, or fails.
        """
        return _plain(self._done(self._workspace.report, text))

    def dispose(self) -> None:
        """End its threads; a second time does nothing."""
        if self in _open:
            _open.discard(self)
            self._done(self._workspace.dispose)

    def _done(self, method: Any, *arguments: Any) -> Any:
        try:
            return method(*arguments)
        except self._throwable as error:
            compiling = str(error.getClass().getSimpleName()) == "CompilerException"
            raise NetLogoError(_said(error), compiling=compiling) from None  # none of Java's stack


def _said(error: Any) -> str:
    """The message of an exception, which users know from NetLogo's own windows, or its type too where it is Java's."""
    if not hasattr(error, "getClass"):
        return f"{type(error).__name__}: {error}"
    message, kind = error.getMessage(), error.getClass()
    text = "" if message is None else str(message).strip()
    ours = str(kind.getName()).startswith("org.nlogo.")
    return text if text and ours else f"{kind.getSimpleName()}: {text}".rstrip(": ")


def _plain(value: Any) -> Any:
    import jpype

    boolean, number, collection = map(jpype.JClass, ("java.lang.Boolean", "java.lang.Number", "java.util.Collection"))

    def plain(one: Any) -> Any:
        if isinstance(one, boolean):
            return bool(one)
        if isinstance(one, number):
            return float(one)
        if isinstance(one, collection):
            return [plain(entry) for entry in one.toArray()]
        return str(one)

    return plain(value)


def _dispose_all() -> None:
    for one in list(_open):
        one.dispose()
