import subprocess
import sys


def test_a_supervisor_starts_with_the_standard_library_alone() -> None:
    script = "import sys; import l2l.supervisor.__main__; print(*{name.partition('.')[0] for name in sys.modules})"
    printed = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True).stdout
    before = subprocess.run(
        [sys.executable, "-P", "-c", script.replace("import l2l.supervisor.__main__; ", "")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    new = set(printed.split()) - set(before.split())
    assert new - sys.stdlib_module_names == {"l2l"}
    assert "dataclasses" not in new  # it would take an eighth of the start
