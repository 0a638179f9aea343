#!/bin/bash
# {{about}}
#PBS -N {{name}}
#PBS -j oe
#PBS -o {{logs}}
#PBS -l select={{select}}
#PBS -l walltime={{time}}
#PBS -A {{account}}
#PBS -q {{partition}}
#PBS -M {{mail}}
#PBS -m {{mail_when}}
#PBS {{option}}

exec >{{logs}}/job-"$PBS_JOBID".log 2>&1   # at once, not when the job has ended
export L2L_JOB_END=$(( $(date +%s) + {{seconds}} ))
module load {{modules}}
{{activate}}
{{setup}}

cd {{directory}} || exit 1
exec {{command}}
