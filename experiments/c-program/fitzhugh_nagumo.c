/* The neuron of FitzHugh (1961, doi:10.1016/S0006-3495(61)86902-6) and Nagumo, and how far it is from a recorded one.

       dv/dt = v - v^3 / 3 - w + current
       dw/dt = (v + a - b w) / tau

   Usage: fitzhugh_nagumo A B TAU CURRENT RECORDING
   The recording has a line "t v" for each sample, in equal steps from t = 0. The neuron starts at rest without current,
   (v, w) = (-1.2, -0.625), is integrated by the Runge-Kutta method of fourth order, and printed is the root mean square
   of its distance in v from the samples. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 20 }; /* between two samples */

typedef struct { double a, b, tau, current; } Parameters;
typedef struct { double v, w; } State;

static State slope(const Parameters *p, State s)
{
    State d = {s.v - s.v * s.v * s.v / 3.0 - s.w + p->current, (s.v + p->a - p->b * s.w) / p->tau};
    return d;
}

static State moved(State s, double h, State d)
{
    State next = {s.v + h * d.v, s.w + h * d.w};
    return next;
}

static State step(const Parameters *p, State s, double h)
{
    State k1 = slope(p, s), k2 = slope(p, moved(s, h / 2, k1)), k3 = slope(p, moved(s, h / 2, k2)),
          k4 = slope(p, moved(s, h, k3));
    State mean = {(k1.v + 2 * k2.v + 2 * k3.v + k4.v) / 6, (k1.w + 2 * k2.w + 2 * k3.w + k4.w) / 6};
    return moved(s, h, mean);
}

int main(int count, char **words)
{
    if (count != 6) {
        fprintf(stderr, "usage: %s A B TAU CURRENT RECORDING\n", words[0]);
        return 2;
    }
    Parameters p = {atof(words[1]), atof(words[2]), atof(words[3]), atof(words[4])};
    FILE *recording = fopen(words[5], "r");
    if (!recording) {
        perror(words[5]);
        return 1;
    }
    State s = {-1.2, -0.625};
    double t, v, now = 0.0, squares = 0.0;
    long samples = 0;
    while (fscanf(recording, "%lf %lf", &t, &v) == 2) {
        double h = (t - now) / STEPS;
        for (int i = 0; h > 0.0 && i < STEPS; i++)
            s = step(&p, s, h);
        now = t;
        squares += (s.v - v) * (s.v - v);
        samples++;
    }
    fclose(recording);
    if (samples == 0) {
        fprintf(stderr, "%s: no samples\n", words[5]);
        return 1;
    }
    printf("%.12g\n", sqrt(squares / samples));
    return 0;
}
