#!/bin/bash
# {{about}}
#BSUB -J {{name}}
#BSUB -o {{log}}
#BSUB -n {{tasks}}
#BSUB -R "span[ptile={{on_each_node}}]"
#BSUB -R "affinity[core({{cores}})]"
#BSUB -gpu "num={{gpus}}"
#BSUB -M {{memory}}
#BSUB -R "rusage[mem={{memory}}]"
#BSUB -W {{time}}
#BSUB {{warning}}
#BSUB -P {{account}}
#BSUB -q {{partition}}
#BSUB -u {{mail}}
#BSUB {{mail_when}}
#BSUB {{option}}

export L2L_JOB_END=$(( $(date +%s) + {{seconds}} ))
module load {{modules}}
{{activate}}
{{setup}}

cd {{directory}} || exit 1
exec {{command}}
