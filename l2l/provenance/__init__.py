"""What decides results and where they came from: the optimizee's fingerprint, and the environment of a run."""

from l2l.provenance.environment import environment, job_id, versions
from l2l.provenance.fingerprint import Fingerprint, effective_options, fingerprint
from l2l.provenance.specification import Specification, specification

__all__ = [
    "Fingerprint",
    "Specification",
    "effective_options",
    "environment",
    "fingerprint",
    "job_id",
    "specification",
    "versions",
]
