#!/bin/sh
# Simulates exp(-t / decay) cos(2 pi frequency t) and prints its root mean square error against "t x" lines of a file.
# Usage: oscillator.sh MEASURED, in a folder with input.txt
exec awk '
    FNR == NR { if ($1 !~ /^#/) parameter[$1] = $2; next }
    /^#/ { next }
    {
        x = exp(-$1 / parameter["decay"]) * cos(2 * 3.141592653589793 * parameter["frequency"] * $1)
        sum += (x - $2) ^ 2
        n += 1
    }
    END { printf "compared with %d measurements\n%.9g\n", n, sqrt(sum / n) }
' input.txt "$1"
