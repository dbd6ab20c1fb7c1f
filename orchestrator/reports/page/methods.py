"""A paragraph on methods, as a paper needs it: every number is the run's."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from orchestrator.analysis.accuracy.intervals import BOOTSTRAP, DELONG
from orchestrator.domain.units import format_bytes, format_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orchestrator.reports.page.dossier import Dossier

#: What the paragraph cites, in this order; docs/methods.md has the whole list.
SOURCES = (
    "T. Kalibera, R. Jones: Rigorous benchmarking in reasonable time. ISMM 2013, doi:10.1145/2491894.2464160",
    "MLCommons: MLPerf Inference rules, appendix “Early stopping criterion”",
    "B. Efron, R. Tibshirani: An introduction to the bootstrap. Chapman & Hall 1993",
    (
        "T. Hesterberg: What teachers should know about the bootstrap. The American Statistician 69, 2015, "
        "doi:10.1080/00031305.2015.1089789"
    ),
    "B. Welch: The generalization of “Student's” problem when several different population variances are involved. Biometrika 34, 1947",
    (
        "G. Smyth: Linear models and empirical Bayes methods for assessing differential expression in microarray experiments. "
        "Statistical Applications in Genetics and Molecular Biology 3, 2004, doi:10.2202/1544-6115.1027"
    ),
    (
        "Y. Benjamini, Y. Hochberg: Controlling the false discovery rate. Journal of the Royal Statistical Society B 57, 1995, "
        "doi:10.1111/j.2517-6161.1995.tb02031.x"
    ),
    (
        "J. Hanley, B. McNeil: The meaning and use of the area under a receiver operating characteristic (ROC) curve. Radiology 143, "
        "1982, doi:10.1148/radiology.143.1.7063747"
    ),
    (
        "E. DeLong, D. DeLong, D. Clarke-Pearson: Comparing the areas under two or more correlated receiver operating characteristic "
        "curves. Biometrics 44, 1988, doi:10.2307/2531595"
    ),
    (
        "R. Newcombe: Confidence intervals for an effect size measure based on the Mann-Whitney statistic. Part 2. Statistics in "
        "Medicine 25, 2006, doi:10.1002/sim.2324"
    ),
)


def paragraph(dossier: Dossier) -> str:
    """Return how the run was measured and judged; numbers in brackets are those of `SOURCES`."""
    return " ".join(_sentences(dossier))


def _sentences(dossier: Dossier) -> Iterator[str]:
    run, rows = dossier.run, dossier.rows
    models = sorted({row.model for row in rows})
    yield (
        f"We measured {listed(models)} as {listed(dossier.schemes)} on {_count(len(dossier.devices), 'device')} "
        f"({'; '.join(_hardware(dossier, device) for device in dossier.devices)}) with farm {run.farm_version}, "
        f"run {run.id}, begun on {run.started_at:%Y-%m-%d %H:%M} UTC."
    )
    yield from _measuring(dossier)
    yield (
        "Percentiles are nearest-rank over the samples of all attempts and are given only where the number of samples carries them "
        "by MLPerf's early-stopping rule [2]; no sample was dropped. 95 % intervals of percentiles are percentile bootstraps over whole "
        "attempts [3], widened for few attempts [4]."
    )
    if dossier.comparisons:
        yield (
            "Cases were compared by the geometric means of their attempts' medians, common effects of rounds taken out, by Welch's t "
            "test [5] with variances moderated over the cases of a device by empirical Bayes [6]; p values were adjusted by Benjamini "
            f"and Hochberg's rule [7] over {_count(len(dossier.comparisons), 'comparison')}, and differences called at 0.01."
        )
    yield from _accuracy(dossier)
    yield from _versions(dossier)
    yield from _verdicts(dossier)


def _measuring(dossier: Dossier) -> Iterator[str]:
    run = dossier.run
    good = [one for each in dossier.attempts.values() for one in each if one.error is None]
    failed = sum(len(each) for each in dossier.attempts.values()) - len(good)
    counts = sorted({row.attempts for row in dossier.rows})
    samples = sum(len(one.latency_ns) * one.invocations_per_sample for one in good)
    wall = sum(one.wall_ns for one in good) / 1e9
    lost = f"; {_count(failed, 'attempt')} failed" if failed else ""
    yield (
        f"Each of {_count(len(dossier.rows), 'case')} was measured in {_range(counts)} attempts, each a fresh process [1], in rounds whose "
        f"order was drawn with seed {run.seed} (effort {run.effort}); {samples:,} timed invocations in all, in "
        f"{format_seconds(wall)} of processes{lost}."
    )
    batched = max((one.invocations_per_sample for one in good), default=1)
    if batched > 1:
        yield f"Invocations too short for the clock were timed up to {batched} in a row: those percentiles are of their means."


def _accuracy(dossier: Dossier) -> Iterator[str]:
    scored = [each for each in dossier.scores.values() if not each.error]
    if not scored:
        return
    images = sorted({each.shape[0] for each in scored})
    classes = sorted({len(each.classes) for each in scored})
    methods = sorted({one.method for each in dossier.accuracies for one in each.estimates.values()})
    cited = {DELONG: f"{DELONG}'s structural components [9]", BOOTSTRAP: f"{BOOTSTRAP} [3]"}
    how = (
        f"; intervals of AUC and of its paired differences are by {listed([cited[each] for each in methods])}, those of a single "
        "finding at least as wide as its numbers of patients imply [10]"
        if methods
        else ""
    )
    origin = "synthetic images of" if dossier.run.synthetic else "images of"
    yield (
        f"Accuracy is the mean AUC-ROC [8] over {_range(classes)} findings on {_range(images)} {origin} dataset {dossier.run.dataset}, "
        f"scored on the devices{how}."
    )
    reused = [each.scored_in for each in scored if each.scored_in]
    if reused:
        yield (
            f"Of {_count(len(reused), 'case')} the scores are those of {listed(sorted(set(reused)))}, an earlier run with the same artifact, images, "
            "device and runtime; latencies are of this run."
        )
    if dossier.run.synthetic:
        yield "No figure of synthetic images applies to patients."


def _versions(dossier: Dossier) -> Iterator[str]:
    packages: dict[str, set[str]] = {}
    for each in dossier.attempts.values():
        for one in each:
            for name, version in (one.versions or {}).items():
                packages.setdefault(str(name), set()).add(str(version))
    if packages:
        named = [f"{name} {listed(sorted(versions))}" for name, versions in sorted(packages.items())]
        yield f"Versions on the devices: {', '.join(named)}."
    builders = sorted(
        {
            f"{label} {artifact.recipe[key]}"
            for artifact in dossier.artifacts
            for key, label in (("tensorflow", "TensorFlow"), ("keras", "Keras"))
            if artifact.recipe.get(key)
        }
    )
    if builders:
        yield f"Artifacts were built with {listed(builders)}."


def _verdicts(dossier: Dossier) -> Iterator[str]:
    verdicts = Counter(row.verdict for row in dossier.rows)
    reasons = Counter(reason["code"] for row in dossier.rows for reason in row.reasons)
    found = [f"{verdicts[name]} {name}" for name in ("VALID", "WARN", "INVALID") if verdicts[name]]
    why = f" ({', '.join(f'{code} in {count}' for code, count in reasons.most_common())})" if reasons else ""
    yield f"Of {_count(len(dossier.rows), 'case')}, farm judged {listed(found)}{why}."


def _hardware(dossier: Dossier, device: str) -> str:
    facts: dict[str, Any] = dict(dossier.facts[device])
    governors = sorted(
        {
            name
            for row in dossier.rows
            if row.device == device
            for one in dossier.attempts[row.case]
            for name in one.governors
        }
    )
    memory = facts.get("memory_bytes")
    cores = facts.get("cores")
    words = [
        str(facts.get("board") or facts.get("cpu_model") or facts.get("machine") or "unknown hardware"),
        _count(cores, "core") if isinstance(cores, int) else "",
        format_bytes(memory) if isinstance(memory, int | float) else "",
        str(facts.get("os") or ""),
        f"kernel {facts['kernel']}" if facts.get("kernel") else "",
        f"governor {' and '.join(governors)}" if governors else "",
    ]
    return f"{device}: {', '.join(filter(None, words))}"


def listed(words: Iterable[str]) -> str:
    """Return ``a``, ``a and b``, ``a, b and c``."""
    *first, last = list(words) or ["nothing"]
    return f"{', '.join(first)} and {last}" if first else last


def _range(counts: Sequence[int]) -> str:
    if not counts:
        return "0"
    return f"{counts[0]:,}" if counts[0] == counts[-1] else f"{counts[0]:,} to {counts[-1]:,}"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
