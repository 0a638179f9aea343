"""The environment variables by which MPI libraries and their starters tell a process that it is a rank: the one list.

Open MPI sets OMPI_, PMIX_ and PRTE_; MPICH and its relatives PMI_, HYDRA_, HYDI_ and MPI_LOCAL; Slurm PMI_ or PMIX_.
"""

RANK = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MPI_LOCALRANKID")
"""A process that has one of these is a rank."""
SIZE = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS")
"""How many ranks were started with this one; MPI_LOCALNRANKS counts those of this machine."""
STARTED = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
"""Set by mpiexec even for one rank alone, which can then start others."""
OF_STARTERS = ("OMPI_", "PMIX_", "PMI_", "PRTE_", "MPI_LOCAL", "HYDRA_", "HYDI_", "MPIEXEC_")
"""How the names begin of all that a starter sets for a rank."""
WISHES = ("MPIR_CVAR",)
"""How the names begin by which a user tunes MPICH; within a rank its starter may have set them too."""
