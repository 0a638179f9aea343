"""A spiking reservoir in NEST that reads handwritten digits, with its readout weights as parameters.

Reservoirs of spiking neurons: W. Maass, T. Natschläger and H. Markram (2002), Real-time computing without stable
states, Neural Computation 14, doi:10.1162/089976602760407955. Readouts by ensemble Kalman methods: A. Yegenoglu et al.
(2022), Exploring parameter and hyper-parameter spaces of neuroscience models on high performance computers with
learning to learn, Frontiers in Computational Neuroscience 16, doi:10.3389/fncom.2022.885207. Images: E. Alpaydin and
C. Kaynak (1998), Optical recognition of handwritten digits, UCI Machine Learning Repository, doi:10.24432/C50P49.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from l2l.individual import Individual
from l2l.optimizees.nest import NestOptimizee, check_resolution
from l2l.optimizees.simulator import check_number, check_on_grid, imported
from l2l.space import ParameterSpace, Real
from l2l.values import Minimize, Observable, Outcome, Trial

CLASSES = 10
PIXELS = 64
IMAGES = 1797
"""Of scikit-learn's bundled digits."""

INPUT_CURRENT = 800.0
"""pA into the input neuron of a white pixel."""
RESTING_CURRENT = 250.0
"""pA into output neurons: without readout weights they fire halfway between the two rates wanted of them."""
CURRENT_SPREAD = 20.0
"""pA by which the neurons of an output population differ, so that their spikes together tell smaller differences."""
HIGH_RATE, LOW_RATE = 150.0, 30.0
"""Spikes/s wanted of the output population of an image's digit, and of the others."""

INPUT = {"tau_m": 10.0, "C_m": 100.0, "t_ref": 2.0}
RESERVOIR = {"tau_m": 10.0, "C_m": 200.0, "t_ref": 2.0, "tau_syn_ex": 5.0, "tau_syn_in": 5.0}
OUTPUT = {"tau_m": 10.0, "C_m": 100.0, "t_ref": 2.0, "tau_syn_ex": 5.0, "tau_syn_in": 5.0}
"""Parameters of `iaf_psc_exp`: ms and pF."""


class Spikes(NamedTuple):
    """Spikes of the reservoir in the order of images.

    Args:
        times: Since the onset of their image, ms.
        senders: Numbers of neurons from 0.
        bounds: (images + 1,): those of image i are at bounds[i]:bounds[i + 1].
    """

    times: NDArray[np.float64]
    senders: NDArray[np.int64]
    bounds: NDArray[np.int64]


class SpikingReservoir(NestOptimizee):
    """Tells digits of 8 × 8 pixels apart by ten output populations that listen to a reservoir of spiking neurons.

    Each pixel drives an input neuron with a current for `present` ms. Each neuron of the reservoir receives synapses of
    random sign and strength from half of the input neurons, and from 16 excitatory and 4 inhibitory of its own kind.
    Every reservoir neuron excites or inhibits every neuron of the ten output populations with the readout weight of
    their digit. The answer is the digit whose population fires most; of equal ones the first.

    The reservoir hears nothing from the output and has no noise, so that its spikes are the same for all readouts: each
    evaluating process simulates input and reservoir once, all images after one another, and a trial simulates the
    output populations on the recorded spikes of its images.

    A trial shows `batch` training images drawn from its seed, so use `seeding: generation`, with which a generation
    sees the same images and the next one others. A trial of a validation shows all images: its fitness is the error on
    the held-out ones.

    Parameter: `weights` (10, n_reservoir + 1) in pA, a row a digit; the last column is a constant current. Fitness:
    `error`, the share of wrong answers. Observables: `residual` (10, batch), what the populations' rates are above
    the wanted ones (150 spikes/s of the right digit, 30 of the others), over the difference of these, for
    `ensemble-kalman` with a target of 0; in a validation `training_accuracy` and `test_accuracy`, NaN otherwise.

    Args:
        n_reservoir: Number of neurons in the reservoir, four fifths of them excitatory.
        n_output: Neurons of each output population.
        n_training: Images to learn from.
        n_test: Images held out.
        batch: Images of a trial.
        weight_limit: Largest readout weight, pA.
        input_weight: Standard deviation of weights from the input, pA.
        recurrent_weight: Of excitatory synapses within the reservoir, pA; inhibitory ones are 5 times as strong.
        present: How long an image is shown, ms.
        gap: Darkness after it, ms.
        network_seed: Draws the reservoir and which images are held out.
        resolution: Time step, ms.

    Raises:
        OptionError: A number is out of range, or there are not so many images.

    Example:
        >>> SpikingReservoir(n_reservoir=64).space.dimension
        650
    """

    objectives = (Minimize("error"),)

    def __init__(
        self,
        *,
        n_reservoir: int = 256,
        n_output: int = 1,
        n_training: int = 1200,
        n_test: int = 500,
        batch: int = 100,
        weight_limit: float = 100.0,
        input_weight: float = 300.0,
        recurrent_weight: float = 10.0,
        present: float = 40.0,
        gap: float = 20.0,
        network_seed: int = 1,
        resolution: float = 1.0,
    ) -> None:
        check_number(self, "n_reservoir", n_reservoir, least=20)
        check_number(self, "n_training", n_training, least=10)
        check_number(self, "n_test", n_test, least=1, most=IMAGES - n_training)
        check_number(self, "batch", batch, least=1, most=n_training)
        check_number(self, "n_output", n_output, least=1)
        check_number(self, "network_seed", network_seed, least=1, most=2**31 - 1)
        check_number(self, "recurrent_weight", recurrent_weight, least=0.0)
        check_number(self, "weight_limit", weight_limit, above=0.0)
        check_number(self, "input_weight", input_weight, above=0.0)
        check_resolution(self, resolution)
        check_number(self, "present", present, least=2.0)
        check_number(self, "gap", gap, least=0.0)
        for name, time in (("present", present), ("gap", gap)):
            check_on_grid(self, name, time, resolution)
        self.n_reservoir, self.n_output, self.batch = n_reservoir, n_output, batch
        self.n_training, self.n_test = n_training, n_test
        self.input_weight, self.recurrent_weight = input_weight, recurrent_weight
        self.present, self.period = present, present + gap
        self.network_seed, self.resolution = network_seed, resolution
        self.space = ParameterSpace(
            weights=Real(-weight_limit, weight_limit, shape=(CLASSES, n_reservoir + 1), default=0.0, unit="pA")
        )
        self.observables: Mapping[str, Observable] = {
            "residual": Observable(shape=(CLASSES, batch)),
            "training_accuracy": Observable(),
            "test_accuracy": Observable(),
        }

    # --- once in a process ---

    def prepare(self) -> None:
        """Read the images, and record what the reservoir does with each."""
        images, digits = read_digits()
        order = np.random.default_rng(self.network_seed).permutation(IMAGES)[: self.n_training + self.n_test]
        self.digits = digits[order]
        self._prepared = np.zeros(0, np.int64)
        self.response = self.responses(images[order])

    def responses(self, images: NDArray[np.float64]) -> Spikes:
        """Simulate input and reservoir on images, one after another.

        Args:
            images: (n, 64), pixels from 0 to 1.
        """
        nest = self.nest
        nest.rng_seed = self.network_seed
        input_neurons = nest.Create("iaf_psc_exp", PIXELS, params=INPUT)
        onsets = np.arange(len(images)) * self.period
        times = np.stack([onsets + self.resolution, onsets + self.present], axis=1).ravel()
        for neuron, pixel in zip(input_neurons, images.T, strict=True):
            values = np.stack([pixel * INPUT_CURRENT, np.zeros_like(pixel)], axis=1).ravel()
            source = nest.Create(
                "step_current_generator", params={"amplitude_times": times, "amplitude_values": values}
            )
            nest.Connect(source, neuron)
        reservoir, recorder = self._reservoir(input_neurons)
        self.run(len(images) * self.period)
        return self._by_image(recorder.events, int(reservoir[0].global_id), len(images))

    def _reservoir(self, input_neurons: Any) -> tuple[Any, Any]:
        nest = self.nest
        reservoir = nest.Create("iaf_psc_exp", self.n_reservoir, params=RESERVOIR)
        recorder = nest.Create("spike_recorder")
        weight = nest.random.normal(0.0, self.input_weight)
        rule = {"rule": "fixed_indegree", "indegree": PIXELS // 2}
        nest.Connect(input_neurons, reservoir, rule, {"weight": weight, "delay": 1.0})
        excitatory = round(0.8 * self.n_reservoir)
        for sources, indegree, factor in ((reservoir[:excitatory], 16, 1.0), (reservoir[excitatory:], 4, -5.0)):
            rule = {"rule": "fixed_indegree", "indegree": indegree}
            nest.Connect(sources, reservoir, rule, {"weight": factor * self.recurrent_weight, "delay": 1.0})
        nest.Connect(reservoir, recorder)
        return reservoir, recorder

    def _by_image(self, events: Mapping[str, NDArray[Any]], first: int, images: int) -> Spikes:
        image = self._shown_at(events["times"])
        order = np.lexsort((events["times"], events["senders"], image))
        bounds = np.searchsorted(image[order], np.arange(images + 1))
        return Spikes((events["times"] - image * self.period)[order], events["senders"][order] - first, bounds)

    def _shown_at(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.ceil(times / self.period - 1e-9).astype(np.int64) - 1

    # --- each trial ---

    def build(self) -> None:
        """Output populations, and a source in the place of each reservoir neuron."""
        nest = self.nest
        self.sources = nest.Create("spike_generator", self.n_reservoir)
        self.outputs = nest.Create("iaf_psc_exp", CLASSES * self.n_output, params=OUTPUT)
        self.recorder = nest.Create("spike_recorder")
        nest.Connect(self.outputs, self.recorder)

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        """Choose the images, and connect the sources with the readout weights."""
        images = trial.rng.choice(self.n_training, self.batch, replace=False)
        if trial.validation:
            images = np.concatenate([images, np.arange(self.n_training + self.n_test)])
        self.images = images
        if not np.array_equal(images, self._prepared):  # a generation shows all its individuals the same
            self._prepared, self._trains = images, self._trains_of(images)
        self.sources.set(self._trains)
        weights = np.repeat(individual["weights"], self.n_output, axis=0)
        spread = CURRENT_SPREAD * np.linspace(-1.0, 1.0, self.n_output + 2)[1:-1]
        self.outputs.I_e = list(RESTING_CURRENT + weights[:, -1] + np.tile(spread, CLASSES))
        self.nest.Connect(
            self.sources, self.outputs, "all_to_all", {"weight": np.ascontiguousarray(weights[:, :-1]), "delay": 1.0}
        )

    def _trains_of(self, images: NDArray[np.int64]) -> list[dict[str, NDArray[np.float64]]]:
        """Spike times of each reservoir neuron where these images are shown one after another."""
        times, senders, bounds = self.response
        taken = [np.arange(bounds[image], bounds[image + 1]) for image in images]
        places = np.concatenate(taken)
        shown = np.repeat(np.arange(len(images)), [len(one) for one in taken])
        at, who = times[places] + shown * self.period, senders[places]
        order = np.lexsort((at, who))
        trains = np.split(at[order], np.searchsorted(who[order], np.arange(1, self.n_reservoir)))
        return [{"spike_times": times} for times in trains]

    def measure(self, individual: Individual, trial: Trial) -> Outcome:
        """Simulate the output populations, and compare the one that fires most with the digit shown."""
        self.run(len(self.images) * self.period)
        rates = self._rates()
        digits = self.digits[self.images]
        right = rates.argmax(axis=0) == digits
        wanted = np.where(np.arange(CLASSES)[:, None] == digits, HIGH_RATE, LOW_RATE)
        residual = ((rates - wanted) / (HIGH_RATE - LOW_RATE))[:, : self.batch]
        observed = {"residual": residual, "training_accuracy": math.nan, "test_accuracy": math.nan}
        if not trial.validation:
            return Outcome(1.0 - float(right.mean()), observed)
        training, test = np.split(right[self.batch :], [self.n_training])
        observed |= {"training_accuracy": float(training.mean()), "test_accuracy": float(test.mean())}
        return Outcome(1.0 - float(test.mean()), observed)

    def _rates(self) -> NDArray[np.float64]:
        """Mean rates of the populations in spikes/s, (10, images)."""
        times, senders = self.spikes(self.recorder)
        image = self._shown_at(times)
        population = (senders - self.outputs[0].global_id) // self.n_output
        cells = population * len(self.images) + image
        counts = np.bincount(cells, minlength=CLASSES * len(self.images)).reshape(CLASSES, -1)
        return counts / (self.n_output * self.period / 1000.0)


def read_digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Scikit-learn's bundled images of digits: (1797, 64) pixels from 0 to 1, and (1797,) what they show.

    Raises:
        MissingPart: scikit-learn is not installed.
    """
    images, digits = imported("sklearn.datasets", "scikit-learn", "digits").load_digits(return_X_y=True)
    return np.asarray(images, dtype=np.float64) / 16.0, np.asarray(digits, dtype=np.int64)
