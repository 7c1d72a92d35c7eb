"""The benchmarks' arithmetic, and that a quick run works. Nothing here is timed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import figures, processes, report, sections, service, viewers

ROOT = Path(__file__).parents[1]


def run(seconds: float, peak: int = 100) -> figures.Run:
    return figures.Run(seconds, cpu_seconds=seconds / 2, peak_bytes=peak)


def test_median_of_odd_and_even_numbers_of_values() -> None:
    """The median is the middle value, or halfway between the two in the middle."""
    assert figures.median([3.0, 1.0, 2.0]) == 2.0
    assert figures.median([4.0, 1.0, 2.0, 3.0]) == 2.5


def test_median_of_nothing_is_refused() -> None:
    """Without values there is no median, rather than a zero."""
    with pytest.raises(ValueError, match="no values"):
        figures.median([])


def test_ratio_is_taken_pair_by_pair() -> None:
    """A slow moment that hits one whole pair leaves the ratio as it is."""
    assert figures.paired_ratio([2.0, 20.0, 2.0], [1.0, 10.0, 1.0]) == 2.0


def test_ratio_needs_complete_pairs() -> None:
    """A run without its partner is an error, not left out silently."""
    with pytest.raises(ValueError, match=r"zip\(\)"):
        figures.paired_ratio([1.0, 2.0], [1.0])


def test_compared_runs_tell_whether_the_target_is_reached() -> None:
    """Both the time and the memory have to be reached, each as peer over ours."""
    ours, peer = [run(1.0, 50)] * 3, [run(3.0, 100)] * 3
    row = figures.compare("x", "x", ours=ours, peer=peer, faster=2.5, lighter=2)
    assert row.reached is True
    assert row.data["times_faster"] == 3.0
    assert row.data["times_less_memory"] == 2.0
    assert figures.compare("x", "x", ours=ours, peer=peer, faster=3.5, lighter=2).reached is False
    assert figures.compare("x", "x", ours=ours, peer=peer, faster=2.5, lighter=4).reached is False
    assert figures.compare("x", "x", ours=ours, peer=peer).reached is None


def test_runs_that_belong_together_add_up() -> None:
    """Two commands take the sum of their times and the larger of their peaks."""
    (both,) = figures.add_up([run(1.0, 70)], [run(2.0, 50)])
    assert (both.seconds, both.cpu_seconds, both.peak_bytes) == (3.0, 1.5, 70)


def test_sections_are_replaced_one_by_one() -> None:
    """A new section takes the place of the old one, or comes at the end; the rest stays."""
    first = sections.join("# Benchmarks\n\ntable\n", sections.REAL.render("a", "b"))
    both = sections.join(first, sections.SERVICE.render("e", "f"))
    again = sections.join(both, sections.REAL.render("c", "d"))
    assert again.startswith("# Benchmarks\n\ntable\n\n## On a real control plane\n")
    assert "\n\nc\nd\n\n## The service\n" in again
    assert again.endswith("\n\ne\nf\n")
    assert [again.count(each.heading) for each in (sections.REAL, sections.SERVICE)] == [1, 1]
    assert sections.join(again, sections.REAL.render("c", "d")) == again


WRK = """Running 10s test @ http://127.0.0.1:8080/metrics
  Latency Distribution
     50%    4.03ms
     99%   12.50ms
  12345 requests in 10.00s, 1.00GB read
Requests/sec:   1234.50
"""


def test_reports_of_wrk_are_read() -> None:
    """The 99th percentile is in seconds whatever wrk's unit; failures of all kinds add up."""
    assert service.read_wrk(WRK) == (0.0125, 1234.5, 0)
    broken = WRK.replace("12.50ms", "1.25s") + "Socket errors: connect 1, read 2, write 0, timeout 4\n"
    assert service.read_wrk(broken + "Non-2xx or 3xx responses: 10\n") == (1.25, 1234.5, 17)
    with pytest.raises(processes.FailedError):
        service.read_wrk("unable to connect")


def test_quantiles() -> None:
    """A quantile is one of the values; of nothing there is none."""
    assert viewers.quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert viewers.quantile([float(each) for each in range(100)], 0.99) == 99.0
    with pytest.raises(ValueError, match="no values"):
        viewers.quantile([], 0.5)


def test_skipped_row_says_why() -> None:
    """A peer that is not at hand is a row with the reason."""
    row = figures.skipped("requests-capacity", "top", "kube-capacity is not on PATH")
    assert "skipped: kube-capacity is not on PATH" in report.render_table([row])


def test_measured_process_has_time_memory_and_lines(tmp_path: Path) -> None:
    """A process is measured from its start to its end, its output counted by lines."""
    measured = processes.measure([sys.executable, "-c", "print('a\\nb')"], folder=str(tmp_path))
    assert measured.seconds > 0
    assert measured.peak_bytes > 1_000_000
    assert measured.lines == 2


def test_measured_process_that_fails_is_an_error(tmp_path: Path) -> None:
    """A failing command is no figure, and its own words are in the message."""
    with pytest.raises(processes.FailedError, match="exited with 3: no luck"):
        processes.measure(
            [sys.executable, "-c", "import sys; print('no luck', file=sys.stderr); sys.exit(3)"],
            folder=str(tmp_path),
        )


def test_quick_run_succeeds_and_writes_json(tmp_path: Path) -> None:
    """The short run that CI makes exits 0, prints a table and writes each row with its figures."""
    target = tmp_path / "figures.json"
    groups = [word for name in ("usage", "memory", "modules", "quantities") for word in ("--only", name)]
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", *groups, "--json", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    assert "| modules loaded by --help" in answer.stdout
    document = json.loads(target.read_text())
    assert {"date", "processor", "cores", "python", "kubectl"} <= document["machine"].keys()
    rows = {row["name"]: row for row in document["rows"]}
    assert rows["modules"]["reached"] is True
    assert rows["memory"]["data"]["ours"]["peak_bytes"] > 0
