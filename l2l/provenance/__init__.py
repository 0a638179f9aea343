"""What decides results and where they came from: the optimizee's fingerprint, and the environment of a run."""

from l2l.provenance.environment import environment, job_id, versions
from l2l.provenance.fingerprint import Fingerprint, effective_options, fingerprint, fingerprint_of_function
from l2l.provenance.specification import Specification, findable, specification

__all__ = [
    "Fingerprint",
    "Specification",
    "effective_options",
    "environment",
    "findable",
    "fingerprint",
    "fingerprint_of_function",
    "job_id",
    "specification",
    "versions",
]
