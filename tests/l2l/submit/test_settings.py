from pathlib import Path

import pytest

from l2l.document import Document, parse
from l2l.errors import ConfigError, OptionError
from l2l.submit import Layer, Wishes, settings_files, wishes


def layer(text: str, file: str = "here.yaml", base: Path = Path()) -> Layer:
    read: Document = parse(text, Path(file))
    return Layer(read.data, read.error, base)


def test_the_first_that_names_a_key_decides_on_it() -> None:
    found = wishes([layer("nodes: 1"), layer("{nodes: 2, ntasks: 2}"), layer("{nodes: 3, ntasks: 3, account: a}")])
    assert found == Wishes(nodes=1, ntasks=2, account="a")


def test_null_takes_back_what_another_file_says() -> None:
    assert wishes([layer("account: null"), layer("{account: a, option: [-X]}")]) == Wishes(option=("-X",))


def test_users_come_before_sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("L2L_SITE_CONFIG", str(tmp_path / "site.yaml"))
    (tmp_path / "l2l").mkdir()
    (tmp_path / "l2l/submit.yaml").write_text("account: mine\n")
    (tmp_path / "site.yaml").write_text("{account: theirs, partition: batch}\n")
    assert wishes(settings_files()) == Wishes(account="mine", partition="batch")


def test_a_file_of_the_site_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("L2L_SITE_CONFIG", str(tmp_path / "site.yaml"))
    with pytest.raises(ConfigError, match=r"site\.yaml: there is no such file"):
        settings_files()


def test_a_file_that_is_no_mapping_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "l2l").mkdir()
    (tmp_path / "l2l/submit.yaml").write_text("- account\n")
    with pytest.raises(ConfigError, match="expected a mapping such as"):
        settings_files()


def test_texts_and_units_are_read() -> None:
    found = wishes([layer("{time: 1-02:00:30, memory: 2 GiB, account: 4711, modules: GCC}")])
    assert (found.time, found.memory, found.account) == (93630, 2**31, "4711")
    assert found.modules == ("GCC",)
    block = wishes([layer("setup: |\n  export A=1\n\n  ulimit -c 0\n")])
    assert block.setup == ("export A=1", "ulimit -c 0")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("partiton: batch", ["here.yaml:1: partiton", "no setting of batch jobs", "did you mean 'partition'"]),
        ("nodes: two", ["nodes: expected a whole number above 0, got 'two'"]),
        ("nodes: 0", ["nodes: expected a whole number above 0, got 0"]),
        ("ntasks: true", ["ntasks: expected a whole number above 0, got True"]),
        ("time: 30", ["time: expected hours:minutes:seconds", "got 30"]),
        ("time: 30:00", ["time: expected hours:minutes:seconds", "got '30:00'"]),
        ("time: 00:00:00", ["time: expected seconds above 0"]),
        ("memory: much", ["memory: expected bytes or a text", "got 'much'"]),
        ("system: condor", ["system: expected one of slurm, pbs, lsf, got 'condor'"]),
        ("account: a b", ["account: expected a word without spaces", "got 'a b'"]),
        ("name: |\n  a\n  #SBATCH --uid=0\n", ["name: expected a word"]),
        ('option: ["--qos=a", "b\\nrm x"]', ["option[1]: expected one line of text"]),
        ("modules: {a: b}", ["modules: expected a text, or a list of texts"]),
        ("template: none.sh", ["template: expected the file of a template", "none.sh"]),
        ("environment: none", ["environment: expected the folder of an environment", "none/bin/l2l"]),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, parts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        wishes([layer("nodes: 1") if "nodes" not in text else layer("ntasks: 1"), layer(text)])
    for part in parts:
        assert part in str(caught.value)


def test_a_wrong_value_that_another_replaces_is_wrong_all_the_same() -> None:
    flags = Layer({"nodes": 2}, lambda place, problem: OptionError(f"{place}: {problem}"), Path())
    with pytest.raises(ConfigError, match="nodes: expected a whole number"):
        wishes([flags, layer("nodes: many")])


def test_paths_are_relative_to_where_they_are_said(tmp_path: Path) -> None:
    (tmp_path / "own.sh").write_text("exec {{command}}\n")
    (tmp_path / "env/bin").mkdir(parents=True)
    (tmp_path / "env/bin/l2l").write_text("")
    found = wishes([layer("{template: own.sh, environment: env}", base=tmp_path)])
    assert (found.template, found.environment) == (tmp_path / "own.sh", tmp_path / "env")
