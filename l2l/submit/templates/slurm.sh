#!/bin/bash
# {{about}}
#SBATCH --job-name={{name}}
#SBATCH --output={{log}}
#SBATCH --nodes={{nodes}}
#SBATCH --ntasks={{ntasks}}
#SBATCH --cpus-per-task={{cpus_per_task}}
#SBATCH {{whole_nodes}}
#SBATCH --gpus-per-node={{gpus}}
#SBATCH --mem={{memory}}
#SBATCH --time={{time}}
#SBATCH --signal={{signal}}
#SBATCH --account={{account}}
#SBATCH --partition={{partition}}
#SBATCH --mail-user={{mail}}
#SBATCH --mail-type={{mail_when}}
#SBATCH {{option}}

module load {{modules}}
{{activate}}
{{setup}}

cd {{directory}} || exit 1
exec {{command}}
