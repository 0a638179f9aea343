"""The launcher `slurm`: workers in job steps or jobs of Slurm."""
