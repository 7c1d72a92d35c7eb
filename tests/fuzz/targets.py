"""What is fuzzed: the table TARGETS. To fuzz something else, add a row.

A target is something that reads what others wrote; `runner.Target` says what a row holds.
"""

from __future__ import annotations

from tests.fuzz import answers, commandlines, files, histories, requests, words

TARGETS = {
    target.name: target
    for target in (
        *words.TARGETS,  # selectors, filters, quantities, times
        *commandlines.TARGETS,
        *files.TARGETS,  # kubeconfigs, tokens
        *histories.TARGETS,
        *answers.TARGETS,  # of API servers, kubelets, Prometheus
        *requests.TARGETS,
    )
}
