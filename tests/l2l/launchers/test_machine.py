import os

import pytest

from l2l.launchers.machine import usable_cores


def test_without_control_groups_the_affinity_counts(tmp_path):
    assert usable_cores(tmp_path) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(("quota", "expected"), [("100000 100000", 1), ("50000 100000", 1), ("max 100000", None)])
def test_quotas_of_all_groups_above_count(tmp_path, quota, expected):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/user.slice/job\n")
    group = tmp_path / "sys/fs/cgroup/user.slice/job"
    group.mkdir(parents=True)
    (group / "cpu.max").write_text("max 100000\n")
    (group.parent / "cpu.max").write_text(quota + "\n")
    assert usable_cores(tmp_path) == (expected or len(os.sched_getaffinity(0)))


def test_quotas_of_the_first_version_count(tmp_path):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("4:cpu,cpuacct:/job\n1:memory:/job\n")
    group = tmp_path / "sys/fs/cgroup/cpu/job"
    group.mkdir(parents=True)
    (group / "cpu.cfs_quota_us").write_text("100000\n")
    (group / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cores(tmp_path) == 1
