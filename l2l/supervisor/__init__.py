"""What starts, watches and ends the evaluating processes of one machine, rank or batch job."""
