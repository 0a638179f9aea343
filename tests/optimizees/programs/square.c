#include <stdio.h>
#include <stdlib.h>

int main(int count, char **words)
{
    double x = count > 1 ? atof(words[1]) : 0.0;
    printf("%.17g\n", x * x);
    return 0;
}
